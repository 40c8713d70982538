"""A conversation in a terminal: who answers, what is said, how it is shown."""
