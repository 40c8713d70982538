"""Weights that are made here: converted and quantized, each step in a child process."""
