"""Speculation: tokens guessed cheaply and verified together in one batch. The text stays the same."""
