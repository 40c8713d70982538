"""Whether what a config says can have the effect that it asks for: files that are there, keys that mean something."""
