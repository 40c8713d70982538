"""What to write where a value stands in the place of a table: `quantization = "Q4_K_M"`. Pure."""

from __future__ import annotations

from lsrv.config.table import shown

# The key that somebody means who gives the whole table one value.
_MAIN_KEYS: dict[str, tuple[str, type]] = {
    "quantization": ("quant", str),
    "context": ("context_length", int),
    "speculative": ("mode", str),
    "upstream": ("base_url", str),
    "device": ("gpu_layers", int),
}


def table_slip(path: tuple[str, ...], value: object) -> str:
    """What is wrong, and what to write; `path` without indices."""
    main = _MAIN_KEYS.get(path[-1])
    if main is not None and isinstance(value, main[1]) and not isinstance(value, bool):
        return f"not a table; write {path[-1]} = {{ {main[0]} = {shown(value)} }}"
    if path[-1] == "device" and value == "cpu":
        return "not a table; write device = { cpu = true }"
    return f"not a table; write its keys under a [{'.'.join(path)}] header"
