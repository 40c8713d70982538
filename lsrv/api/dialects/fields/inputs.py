"""Texts and token ids as clients send them. Pure."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from lsrv.errors import RequestError

MAX_INPUTS = 2048  # to embed, in one request

TokenId = Annotated[int, Meta(ge=0, le=2**31 - 1)]


def inputs_of(value: str | list[str | int | list[int]], param: str, limit: int) -> list[str | list[int]]:
    """A text, a list of texts, token ids, or a list of those: as a list of inputs. Raises RequestError."""
    if isinstance(value, str):
        return [value]
    numbers = [item for item in value if isinstance(item, int)]
    if numbers and len(numbers) == len(value):
        return [numbers]
    inputs = [item for item in value if not isinstance(item, int)]
    if not inputs or numbers or any(item == [] for item in inputs):
        raise RequestError(
            f"{param} must be a text, token ids, or a list of either; not empty, not mixed.", param=param
        )
    if len(inputs) > limit:
        raise RequestError(f"{param} holds {len(inputs)} inputs; at most {limit} are allowed.", param=param)
    return inputs
