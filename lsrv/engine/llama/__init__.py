"""The only place that talks to llama.cpp: one thin class per llama.h noun; its return codes become our errors here."""
