"""One file per command, which parses, calls and prints."""
