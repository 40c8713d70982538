"""The reference: what it says of routes is what they do."""
