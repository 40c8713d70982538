"""Real weights that tests run on."""

from pathlib import Path

STORIES = Path(__file__).parent / "stories260K.gguf"  # llama, 260K parameters, F32, 512 tokens, no chat template
