from __future__ import annotations

import msgspec
import pytest

from lsrv.protocol.commands import Generate
from lsrv.protocol.events import Accepted, Delta, Finished, FinishReason, PromptLogprob, TokenLogprob
from lsrv.response_cache import is_keepable, whole_answer
from lsrv.response_cache.answer import decode, encode
from tests.response_cache import end


def _token(text: str) -> TokenLogprob:
    return TokenLogprob(text, -0.5, text.encode(), [TokenLogprob("x", -1.0, b"x")])


def test_a_streamed_answer_is_put_together_choice_by_choice() -> None:
    last = msgspec.structs.replace(end("d"), reasoning="!", logprobs=[_token("d")])
    events: list[tuple[int, Accepted | Delta | Finished]] = [
        (0, Accepted(1, 3)),
        (1, Delta(2, "x")),
        (0, Delta(1, "", "hm", [_token("a")])),
        (1, end("y")),
        (0, Delta(1, "bc", "", [_token("b"), _token("c")])),
        (0, last),
    ]
    first, second = whole_answer(events)
    assert (first.text, first.reasoning) == ("bcd", "hm!")
    assert first.logprobs == [_token(text) for text in "abcd"]
    assert (second.text, second.logprobs) == ("xy", None)


def test_putting_together_knows_every_field_that_a_delta_carries() -> None:
    known = ["request_id", "text", "reasoning", "logprobs", "calls", "prompt_logprobs"]
    known += ["tokens", "progress"]  # the end has all tokens, and how far a prompt was read is no part of an answer
    known += ["tool_news"]
    assert [field.name for field in msgspec.structs.fields(Delta)] == known


def test_a_prompt_that_was_scored_in_portions_is_put_together() -> None:
    scores = [PromptLogprob(token, b"a", -0.5, 1, [PromptLogprob(9, b"b", -0.1, 1)]) for token in range(4)]
    deltas = [Delta(1, "", prompt_logprobs=scores[:1]), Delta(1, "a", prompt_logprobs=scores[1:3])]
    last = msgspec.structs.replace(end("b"), prompt_logprobs=scores[3:])
    (whole,) = whole_answer((0, event) for event in (*deltas, last))
    assert whole.prompt_logprobs == scores
    assert decode(encode([whole])) == [whole]


def test_an_answer_survives_being_kept() -> None:
    ends = [msgspec.structs.replace(end("é\0"), logprobs=[_token("a")], stop_string="b"), end("")]
    assert decode(encode(ends)) == ends


@pytest.mark.parametrize(
    ("reason", "max_tokens", "expected"),
    [
        ("stop", None, True),
        ("length", 5, True),
        ("length", 6, False),  # the context was full before that
        ("length", None, False),
        ("abort", 5, False),
    ],
)
def test_only_whole_answers_are_worth_keeping(reason: FinishReason, max_tokens: int | None, expected: bool) -> None:
    command = Generate(request_id=0, prompt="a", max_tokens=max_tokens)
    assert is_keepable([command], [end(reason=reason, n_tokens=5)]) is expected
