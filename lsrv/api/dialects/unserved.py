"""Fields of other servers that ask for something which a route here does not do: a 400 that names them, never silence.

Names that nobody knows pass; these are known, and whoever sends one would wait for its effect.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from lsrv.errors import UnsupportedParameterError

_OTHER_TOOLS = "runs no tools of its own for clients; leave it out, or send `tools` and run them"
OF_TEXT: dict[str, str] = {
    "web_search_options": f"this server {_OTHER_TOOLS}",
    "enable_shell": f"this server {_OTHER_TOOLS}",
    "enable_code_execution": f"this server {_OTHER_TOOLS}",
    "files": "this server keeps no files; send their text in the prompt",
    "agent_permission": f"this server {_OTHER_TOOLS}",
    "max_tool_rounds": f"this server {_OTHER_TOOLS}",
    "truncate_sequence": "prompts are never cut here; send a shorter one, or raise context_length",
    "truncate_prompt_tokens": "prompts are never cut here; send a shorter one, or raise context_length",
}
ADAPTERS: dict[str, str] = dict.fromkeys(
    ("adapter", "adapters", "lora", "normalize_adapters"),
    "adapters change what a model writes, and this route writes none",
)
_NOTHING = {b"", b"null", b"false", b"[]", b'""', b"0", b"-1"}  # ask for nothing
_USUAL = {"best_of": b"1", "modalities": b'["text"]'}  # so does this value of these
_EMPTY_ASKS = {"web_search_options"}  # {} of these is a wish, too


class Unserved:
    """The fields that one route refuses, with the reason for each."""

    def __init__(self, reasons: Mapping[str, str]) -> None:
        self._reasons = reasons
        fields = [(name, msgspec.Raw, msgspec.field(default_factory=msgspec.Raw)) for name in reasons]
        self._decoder = msgspec.json.Decoder(msgspec.defstruct("UnservedFields", fields))

    @property
    def names(self) -> frozenset[str]:
        """The fields."""
        return frozenset(self._reasons)

    def refuse(self, raw: bytes) -> None:
        """Raises UnsupportedParameterError for the first one in `raw`, a body that was decoded before."""
        found = self._decoder.decode(raw)
        for name, reason in self._reasons.items():
            value = bytes(getattr(found, name)).strip()
            if value not in _NOTHING and value != _USUAL.get(name) and (value != b"{}" or name in _EMPTY_ASKS):
                raise UnsupportedParameterError(f"{name}: {reason}.", param=name)
