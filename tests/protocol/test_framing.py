from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsrv.errors import CrashedError, ErrorInfo, LsrvError, PromptTooLongError, from_info
from lsrv.protocol.commands import Generate, Sampling
from lsrv.protocol.events import Delta, Failed, Step
from lsrv.protocol.framing import FrameSplitter, command_decoder, encode_command, encode_event, event_decoder


@given(st.lists(st.text(max_size=30), max_size=5), st.lists(st.integers(0, 1000)))
def test_frames_survive_any_cut_of_the_stream(texts: list[str], places: list[int]) -> None:
    events = [Step([Delta(i, text)], []) for i, text in enumerate(texts)]
    stream = b"".join(encode_event(event) for event in events)
    edges = sorted({0, len(stream), *(place % (len(stream) + 1) for place in places)})
    splitter = FrameSplitter()
    bodies = [body for a, b in itertools.pairwise(edges) for body in splitter.feed(stream[a:b])]
    assert [event_decoder.decode(body) for body in bodies] == events


def test_a_command_comes_back_as_it_was() -> None:
    command = Generate(request_id=3, prompt="hi", sampling=Sampling(logit_bias={5: -1.0}), stop=["x"])
    (body,) = FrameSplitter().feed(encode_command(command))
    assert command_decoder.decode(body) == command


def test_a_length_no_sender_would_write_is_refused() -> None:
    with pytest.raises(ValueError, match="limit"):
        FrameSplitter().feed(b"\xff\xff\xff\xff")


def test_an_error_keeps_its_class_and_numbers_across_processes() -> None:
    error = PromptTooLongError("too long", param="prompt", n_prompt_tokens=10, n_ctx=5)
    (body,) = FrameSplitter().feed(encode_event(Failed(1, error.info())))
    failed = event_decoder.decode(body)
    assert isinstance(failed, Failed)
    back = from_info(failed.error)
    assert type(back) is PromptTooLongError
    assert (back.message, back.param, back.fields) == ("too long", "prompt", {"n_prompt_tokens": 10, "n_ctx": 5})


def test_codes_are_unique_and_unknown_ones_stay_errors() -> None:
    assert CrashedError.code != LsrvError.code
    assert type(from_info(ErrorInfo("from_the_future", "hm"))) is LsrvError
