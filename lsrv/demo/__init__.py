"""The model inside the package: what `lsrv from-config` serves in an empty folder without a network."""

from pathlib import Path

MODEL_PATH = Path(__file__).parent / "stories260K.gguf"
CONFIG_PATH = Path(__file__).parent / "models.toml"
MODEL_ID = "lsrv-demo"  # the model_id that stands for MODEL_PATH in any config
