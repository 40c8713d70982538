"""Dialects: bodies to requests, events to bytes. Pure; no registry, no sockets."""
