"""The beginning and the end of a registry, and times in which nobody needs it."""
