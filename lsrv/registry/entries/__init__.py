"""Entries: each one's state machine, who waits for it, and what others may see of it."""
