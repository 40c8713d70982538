"""The API of llama.cpp's own server: bodies to requests, events to bytes. Pure."""
