"""The models inside the package: what `lsrv from-config` serves in an empty folder without a network.

Toys, trained by `packaging/demo`: to see every feature work with real text, not to be asked for advice.
"""

from pathlib import Path

_HERE = Path(__file__).parent

CONFIG_PATH = _HERE / "models.toml"
MODEL_ID = "lsrv-demo"  # the model that answers
MODELS = {MODEL_ID: _HERE / "lsrv-demo-F16.gguf", "lsrv-demo-embed": _HERE / "lsrv-demo-embed-Q8_0.gguf"}
"""GGUFs by the model_id that stands for them in any config."""

ADAPTERS = {"lsrv-demo-pirate": _HERE / "lsrv-demo-pirate.gguf", "lsrv-demo-roman": _HERE / "lsrv-demo-roman.gguf"}
"""LoRAs for MODEL_ID by the source that stands for them."""
