"""Shadow copies of answered requests: what waits, how a copy is asked, and what came out."""
