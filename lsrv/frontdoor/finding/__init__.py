"""Which file a name means: where to look, what to choose among what is there."""
