"""models.yaml of two other servers, and our own settings written in YAML, in the shape of models.toml."""
