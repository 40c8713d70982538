"""From a request in nobody's dialect to events: what HTTP and other surfaces share. Knows the registry, no HTTP."""
