"""The one task that owns the state of all entries, and what only it may change."""
