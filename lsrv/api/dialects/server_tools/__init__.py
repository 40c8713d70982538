"""Tools of the operator's own servers: how requests ask for them, and how answers tell of their calls."""
