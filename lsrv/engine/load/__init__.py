"""From a file and settings to an engine that serves: how long its context is, what it takes, and the load itself."""
