"""`prompt`: texts, token ids, both in a row, objects, or a list of such. Pure."""

from __future__ import annotations

import msgspec

from lsrv.api.dialects.fields.inputs import TokenId
from lsrv.api.dialects.fields.media import LLAMA_SERVERS_MARKER, Gathering
from lsrv.errors import RequestError
from lsrv.protocol.commands import Generate

MAX_PROMPTS = 128


class PromptObject(msgspec.Struct):
    """A text with images or sounds."""

    prompt_string: str
    multimodal_data: list[str] = []  # each in base64, in the order of their marks in the text


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
        return _with_media(item)
    if isinstance(item, int):
        raise RequestError(
            '"prompt" elements must be a string, a list of tokens, a JSON object containing a prompt string, or a list '
            "of mixed strings & tokens.",
            param="prompt",
        )
    return Generate(request_id=0, prompt=item)


def _with_media(item: PromptObject) -> Generate:
    """Raises RequestError unless each picture or sound has its mark in the text."""
    if not item.multimodal_data:
        return Generate(request_id=0, prompt=item.prompt_string)
    texts = item.prompt_string.split(LLAMA_SERVERS_MARKER)
    if len(texts) != len(item.multimodal_data) + 1:
        raise RequestError(
            f"prompt_string has {len(texts) - 1} marks {LLAMA_SERVERS_MARKER} for {len(item.multimodal_data)} of "
            "multimodal_data; write one where each stands.",
            param="prompt",
        )
    media = Gathering()
    marks = [media.add_base64(each, f"multimodal_data[{i}]") for i, each in enumerate(item.multimodal_data)]
    text = "".join(text + mark for text, mark in zip(texts, [*marks, ""], strict=True))
    return media.put_into(Generate(request_id=0, prompt=text))


def _of_parts(parts: _Parts) -> Generate:
    if not parts:
        raise RequestError('"prompt" must not be empty', param="prompt")
    ids = [part for part in parts if isinstance(part, int)]
    if len(ids) == len(parts):
        return Generate(request_id=0, prompt=ids)
    return Generate(request_id=0, prompt_parts=parts)
