"""GGUF files as bytes: headers read and checked before any worker opens one."""
