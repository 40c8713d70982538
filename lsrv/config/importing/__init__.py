"""Configs of other servers, made into a models.toml, with all that has no place in it told."""
