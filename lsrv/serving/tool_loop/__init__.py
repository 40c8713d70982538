"""A model that uses tools of the operator's servers: rounds of writing and of asking, as one stream of events."""
