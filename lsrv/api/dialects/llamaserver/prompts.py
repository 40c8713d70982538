"""`prompt`: texts, token ids, both in a row, objects, or a list of such. Pure."""

from __future__ import annotations

import msgspec

from lsrv.api.dialects.fields.inputs import TokenId
from lsrv.errors import RequestError, UnsupportedCapabilityError
from lsrv.protocol.commands import Generate

MAX_PROMPTS = 128


class PromptObject(msgspec.Struct):
    """A text with images or sounds."""

    prompt_string: str
    multimodal_data: list[object] = []


PromptItem = str | TokenId | list[str | TokenId] | PromptObject
PromptField = str | list[PromptItem] | PromptObject
_Parts = list[str | int]


def prompt_commands(given: PromptField) -> list[Generate]:
    """A command for each prompt, with nothing else in it. Raises RequestError."""
    if not isinstance(given, list):
        return [_command(given)]
    row = [item for item in given if isinstance(item, str | int)]
    if len(row) == len(given) and any(isinstance(item, int) for item in row):
        return [_of_parts(row)]
    if not given:
        raise RequestError('"prompt" must not be empty', param="prompt")
    if len(given) > MAX_PROMPTS:
        raise RequestError(f"prompt holds {len(given)} prompts; at most {MAX_PROMPTS} are allowed.", param="prompt")
    return [_command(item) for item in given]


def _command(item: PromptItem) -> Generate:
    if isinstance(item, list):
        return _of_parts(item)
    if isinstance(item, PromptObject):
        if item.multimodal_data:
            raise UnsupportedCapabilityError(
                "multimodal_data: this model sees and hears nothing; send text alone.", param="prompt"
            )
        return Generate(request_id=0, prompt=item.prompt_string)
    if isinstance(item, int):
        raise RequestError(
            '"prompt" elements must be a string, a list of tokens, a JSON object containing a prompt string, or a list '
            "of mixed strings & tokens.",
            param="prompt",
        )
    return Generate(request_id=0, prompt=item)


def _of_parts(parts: _Parts) -> Generate:
    if not parts:
        raise RequestError('"prompt" must not be empty', param="prompt")
    ids = [part for part in parts if isinstance(part, int)]
    if len(ids) == len(parts):
        return Generate(request_id=0, prompt=ids)
    return Generate(request_id=0, prompt_parts=parts)
