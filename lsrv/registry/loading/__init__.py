"""One load, from an entry's settings to a worker that holds its model."""
