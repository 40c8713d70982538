"""Which files of a repository a conversion reads. Names only: never code, never pickles."""

from __future__ import annotations

import re
from collections.abc import Iterable

CONFIG, GENERATION_CONFIG = "config.json", "generation_config.json"
TOKENIZER, TOKENIZER_CONFIG, CHAT_TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"
MODULES = "modules.json"
INDEX = "model.safetensors.index.json"

_JSON = {CONFIG, GENERATION_CONFIG, TOKENIZER, TOKENIZER_CONFIG, CHAT_TEMPLATE, "chat_template.json", MODULES, INDEX}
# One folder deep, as sentence-transformers writes them; which of the modules matter is said by modules.json.
_MODULE_CONFIG = re.compile(r"[0-9]+_[A-Za-z]+/config\.json")
_WEIGHTS = re.compile(r"model(-[0-9]{5}-of-([0-9]{5}))?\.safetensors")


def files_needed(names: Iterable[str]) -> list[str]:
    """Names that a conversion reads, sorted. Adapters, other formats and every kind of code stay behind."""
    return sorted(name for name in names if name in _JSON or _MODULE_CONFIG.fullmatch(name) or is_weights(name))


def is_weights(name: str) -> bool:
    """Whether `name` is the model's safetensors file, or one shard of it."""
    return _WEIGHTS.fullmatch(name) is not None


def parts_of(name: str) -> list[str]:
    """The names of all shards that belong with the shard `name`; of a file that is whole only itself."""
    match = _WEIGHTS.fullmatch(name)
    if match is None or match[2] is None:
        return [name]
    return [f"model-{index:05d}-of-{match[2]}.safetensors" for index in range(1, int(match[2]) + 1)]
