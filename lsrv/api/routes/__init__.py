"""Handlers: one file per family of routes. Thin: parse with a dialect, ask, write with the dialect."""
