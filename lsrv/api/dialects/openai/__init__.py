"""OpenAI's dialect: bodies to requests, events to bodies and SSE. Pure; no registry, no sockets."""
