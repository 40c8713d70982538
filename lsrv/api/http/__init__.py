"""HTTP itself: sockets, limits, who may ask, errors, event streams. Knows no dialect."""
