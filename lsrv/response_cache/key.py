"""What an answer depends on, as one key. Pure.

The worker renders the template, so the prompt's text is not known here. What determines it is: the messages, the
template's variables, the template itself (part of the subject's digest) and, where it asks for it, the date.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from lsrv.protocol.commands import Generate
from lsrv.protocol.events import AnswerDetails, CallDelta, Finished, PromptLogprob, TokenLogprob, Usage

# Everything else in a Generate counts, fields of later versions included.
_WITHOUT_EFFECT = (
    "request_id",
    "is_streaming",
    "cache_prompt",
    "priority",
    "is_copy",
    "call_id",
    "prediction",
    "wants_progress",
)

# Kept answers are positional: with other fields they would mean something else.
_KEPT = (Finished, Usage, TokenLogprob, PromptLogprob, CallDelta, AnswerDetails)
_LAYOUT = [[field.name for field in msgspec.structs.fields(each)] for each in _KEPT]


class Subject(msgspec.Struct, frozen=True):
    """Who answers: an entry, and digests of what its answers depend on beside the request."""

    model_id: str
    weights: str  # and the settings, the template and the build
    adapters: tuple[str, ...]  # of those that the request uses, in its order
    dates: tuple[str, ...] = ()  # what the template makes of the clock now


def is_repeatable(commands: Sequence[Generate]) -> bool:
    """Whether the same commands give the same answer again: the likeliest tokens, or a fixed seed."""
    return all(command.sampling.temperature == 0 or command.sampling.seed is not None for command in commands)


def key_of(subject: Subject, commands: Sequence[Generate]) -> str:
    """A name for all requests that get the same answer; defaults must be filled in.

    The order of keys counts, for a template may write them as they come.
    """
    what = [_LAYOUT, msgspec.to_builtins(subject), [_relevant(command) for command in commands]]
    return hashlib.sha256(msgspec.msgpack.encode(what)).hexdigest()


def _relevant(command: Generate) -> dict[str, object]:
    if command.sampling.temperature == 0:  # nothing is drawn
        command = replace(command, sampling=replace(command.sampling, seed=None))
    fields = msgspec.to_builtins(command)
    return {name: value for name, value in fields.items() if name not in _WITHOUT_EFFECT}
