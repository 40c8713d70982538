"""lsrv: one models.toml, many GGUF models, one OpenAI-compatible port, on the machine you have."""

__version__ = "0.1.0"
