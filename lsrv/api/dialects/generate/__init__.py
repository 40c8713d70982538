"""`/v1/generate`, `/v1/generate/batch` and `/v1/stream`: a prompt in, its text out, and nothing else to know."""
