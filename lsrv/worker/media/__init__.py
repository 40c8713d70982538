"""Pictures and sound on their way into a prompt."""
