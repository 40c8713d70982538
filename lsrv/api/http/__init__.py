"""HTTP itself: sockets, limits, who may ask, errors, event streams, the route table. Knows no dialect."""
