"""Servers of tools: [mcp], and the forms in which other programs write it."""
