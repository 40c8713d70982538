"""What a model's file says of it: as a value for programs, as lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsrv.frontdoor import GgufHeader, Weights

_NAME_WIDTH = 15
# A key of a GGUF -> our name for it. "{arch}" stands for the architecture. Source: ggml's docs/gguf.md.
_TEXTS = {
    "general.name": "name",
    "general.organization": "organization",
    "general.author": "author",
    "general.license": "license",
    "general.license.name": "license_name",
    "general.license.link": "license_link",
    "general.description": "description",
    "general.size_label": "size_label",
    "general.quantized_by": "quantized_by",
    "general.base_model.0.name": "base_model",
    "general.base_model.0.repo_url": "base_model_url",
    "general.source.url": "source_url",
    "tokenizer.ggml.model": "tokenizer",
    "tokenizer.ggml.pre": "pre_tokenizer",
}
_NUMBERS = {
    "{arch}.block_count": "n_layers",
    "{arch}.attention.head_count": "n_heads",
    "{arch}.attention.head_count_kv": "n_kv_heads",
    "{arch}.feed_forward_length": "n_feed_forward",
    "{arch}.expert_count": "n_experts",
    "{arch}.expert_used_count": "n_experts_used",
    "{arch}.attention.sliding_window": "sliding_window",
    "{arch}.rope.freq_base": "rope_freq_base",
}


def model_card(weights: Weights) -> dict[str, Any]:
    """All that is known of `weights`. Reads the file's header. Raises CorruptWeightsError, WeightsNotFoundError."""
    from lsrv.frontdoor.gguf.header import read_keys

    header, keys = weights.header, read_keys(weights.path)
    texts = {name: _text(keys.get(key)) for key, name in _TEXTS.items()}
    numbers = {name: keys.get(key.format(arch=header.arch)) for key, name in _NUMBERS.items()}
    known = {name: value for name, value in (texts | numbers).items() if value}
    return {
        "path": str(weights.path),
        "n_files": len(weights.shards),
        "size_bytes": weights.size_bytes,
        "origin": weights.origin,
        "chosen_because": weights.chosen_because,
        "quantization": weights.quantization,
        "tensor_bytes": header.tensor_bytes,
        "architecture": header.arch,
        "kind": header.kind,
        "capabilities": capabilities(header),
        "n_params": round(header.n_params * weights.size_bytes / header.size_bytes),
        "n_ctx_train": header.n_ctx_train,
        "n_embd": header.n_embd,
        **known,
        "chat_template": header.chat_template,
    }


def capabilities(header: GgufHeader) -> list[str]:
    """What lsrv can do with it. Tools work with any chat template (docs/tools.md)."""
    if header.kind == "text":
        return ["completion", "chat", "tools"] if header.has_chat_template else ["completion"]
    return ["embedding", "rerank"] if header.kind == "rerank" and header.is_embedding else [header.kind]


def card_lines(card: Mapping[str, Any]) -> Iterator[str]:
    """The same for people, a line for each thing."""
    from lsrv.units import size

    yield from _line("model", card.get("name") or card["architecture"])
    yield from _line("by", card.get("organization") or card.get("author"))
    licence = " ".join(filter(None, (card.get("license"), card.get("license_name"))))
    yield from _line("licence", licence or "not said in the file")
    yield from _line("", card.get("license_link"))
    yield from _line("made from", card.get("base_model"))
    yield from _line("", card.get("base_model_url") or card.get("source_url"))
    yield from _line("file", card["path"])
    parts = f", {card['n_files']} files" if card["n_files"] > 1 else ""
    origin = "" if card["origin"].startswith(("file ", "folder ")) else f"; {card['origin']}"
    yield from _line("", f"{size(card['size_bytes'])}{parts}{origin}")
    yield from _line("quantization", f"{card['quantization']} ({_shares(card['tensor_bytes'])})")
    yield from _line("architecture", f"{card['architecture']}, {_many(card['n_params'])} parameters{_shape(card)}")
    yield from _line("context", f"{card['n_ctx_train']} tokens as trained" if card["n_ctx_train"] else "")
    yield from _line("vectors", f"{card['n_embd']} numbers" if card["kind"] != "text" else "")
    yield from _line("tokenizer", "/".join(filter(None, (card.get("tokenizer"), card.get("pre_tokenizer")))))
    yield from _line("capabilities", ", ".join(card["capabilities"]))
    template = card["chat_template"]
    yield from _line("chat template", f"{len(template)} characters (--template prints it)" if template else "none")


def _line(name: str, text: str | None) -> list[str]:
    return [f"{name:{_NAME_WIDTH}}{text}"] if text else []


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _shares(tensor_bytes: Mapping[str, int]) -> str:
    n_bytes = max(sum(tensor_bytes.values()), 1)
    shares = [(name, 100 * each / n_bytes) for name, each in tensor_bytes.items()]
    return ", ".join(f"{name} {share:.0f} %" for name, share in shares if share >= 0.5)


def _shape(card: Mapping[str, Any]) -> str:
    parts = [f"{card['n_layers']} layers" if "n_layers" in card else ""]
    if "n_experts" in card:
        parts.append(f"{card.get('n_experts_used', '?')} of {card['n_experts']} experts per token")
    return "".join(f", {part}" for part in parts if part)


def _many(n: int) -> str:
    """A number as people say it: "4.0 billion"."""
    for unit, word in ((10**9, " billion"), (10**6, " million")):
        if n >= unit:
            return f"{n / unit:.1f}{word}"
    return f"{n:,}"
