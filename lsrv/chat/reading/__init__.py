"""Text of a model's answer back into content, thoughts and calls of tools, while it streams."""
