"""A soak: an hour at a low rate, many models in little memory, kills, unloads, reloads, cancels; none lost or wrong."""
