"""The child process around one engine: frames in, frames out."""
