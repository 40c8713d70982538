"""How likely a prompt is: `echo` with `logprobs`, `prompt_logprobs`, `max_tokens: 0`, as evaluation harnesses ask."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from lsrv.api.dialects.openai.legacy_logprobs import TextTokens
from lsrv.protocol.events import PromptLogprob
from tests.api.dialects.openai.test_chat import events_of
from tests.conftest import TINY, RunningServer

PROMPT = "Once upon a time, there was a little girl named Lily. 鳥 She loved to play outside."
STORY = PROMPT * 6  # more tokens than one step scores


def complete(server: RunningServer, **body: Any) -> Any:
    asked = {"model": TINY, "prompt": PROMPT, "max_tokens": 6, "temperature": 0} | body
    answer = server.http.post("/v1/completions", json=asked)
    assert answer.status_code == 200, answer.text
    return answer


def tokens_of(server: RunningServer, text: str) -> list[int]:
    body = {"model": TINY, "content": text, "add_special": True}
    return list(server.http.post("/tokenize", json=body).json()["tokens"])


def assert_offsets_fit(text: str, logprobs: dict[str, Any], n_ahead: int) -> None:
    """Every token stands in the text where its offset says, but for the `n_ahead` that no text has."""
    assert logprobs["text_offset"] == sorted(logprobs["text_offset"])
    for token, offset in list(zip(logprobs["tokens"], logprobs["text_offset"], strict=True))[n_ahead:]:
        assert "\ufffd" in token or text[offset : offset + len(token)] == token


@pytest.mark.parametrize("prompt", [PROMPT, STORY])
def test_an_echo_has_the_logprobs_of_its_tokens_in_front(client: openai.OpenAI, prompt: str) -> None:
    answer = client.completions.create(model=TINY, prompt=prompt, echo=True, logprobs=3, max_tokens=6, temperature=0)
    (choice,) = answer.choices
    assert choice.logprobs is not None
    found = choice.logprobs.model_dump()
    assert answer.usage is not None
    n_prompt = answer.usage.prompt_tokens
    assert choice.text.startswith(prompt)
    assert found["tokens"][0] == "<s>"
    assert found["token_logprobs"][0] is found["top_logprobs"][0] is None
    assert all(logprob <= 0 for logprob in found["token_logprobs"][1:])
    assert all(len(top) <= 3 for top in found["top_logprobs"][1:])
    assert {len(column) for column in found.values()} == {n_prompt + 6}
    assert_offsets_fit(choice.text, found, n_ahead=2)  # BOS, and the blank that this vocabulary puts before a word
    assert found["text_offset"][:2] == [0, 0]
    assert choice.text[found["text_offset"][n_prompt] :] == "".join(found["tokens"][n_prompt:])


def test_a_prompt_of_ids_is_echoed_as_its_tokens(server: RunningServer) -> None:
    ids = tokens_of(server, PROMPT)
    (choice,) = complete(server, prompt=ids, echo=True, logprobs=0).json()["choices"]
    found = choice["logprobs"]
    assert len(found["tokens"]) == len(ids) + 6
    assert choice["text"].startswith("<s> Once")
    assert_offsets_fit(choice["text"], found, n_ahead=0)
    assert found["text_offset"][1] == len("<s>")


def test_a_stream_tells_the_same(server: RunningServer) -> None:
    asked: dict[str, Any] = {"prompt": STORY, "echo": True, "logprobs": 1}
    (whole,) = complete(server, **asked).json()["choices"]
    parts = [choice for event in events_of(complete(server, **asked, stream=True).text) for choice in event["choices"]]
    told = [part["logprobs"] for part in parts if part["logprobs"]]
    assert len(told) > 1
    assert "".join(part["text"] for part in parts) == whole["text"]
    for column in ("tokens", "text_offset"):
        assert [each for one in told for each in one[column]] == whole["logprobs"][column]


def test_an_evaluation_reads_how_likely_continuations_are(server: RunningServer) -> None:
    """As lm-eval's local-completions: ids of context and continuation, no new token, and the sum behind the context."""
    context = tokens_of(server, "Once upon a time, there was a")
    ends = [tokens_of(server, text)[1:] for text in ("little girl", "xylophone quark")]
    answer = complete(server, prompt=[context + end for end in ends], echo=True, logprobs=1, max_tokens=0).json()
    sums = [sum(choice["logprobs"]["token_logprobs"][len(context) :]) for choice in answer["choices"]]
    assert [len(choice["logprobs"]["tokens"]) for choice in answer["choices"]] == [len(context + end) for end in ends]
    assert sums[0] / len(ends[0]) > sums[1] / len(ends[1])
    assert answer["usage"]["completion_tokens"] == 0
    assert {choice["finish_reason"] for choice in answer["choices"]} == {"length"}
    likeliest = answer["choices"][0]["logprobs"]["top_logprobs"][len(context)]
    assert answer["choices"][0]["logprobs"]["token_logprobs"][len(context)] <= max(likeliest.values())


def test_what_was_cached_is_scored_all_the_same(server: RunningServer) -> None:
    complete(server)
    asked: dict[str, Any] = {"echo": True, "logprobs": 0, "max_tokens": 0}
    first, again = (complete(server, **asked).json() for _ in range(2))
    assert again["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    one, other = (each["choices"][0]["logprobs"]["token_logprobs"][1:] for each in (first, again))
    assert one == pytest.approx(other, abs=0.02)


def test_nothing_is_written_where_no_token_is_asked_for(server: RunningServer) -> None:
    answer = complete(server, max_tokens=0).json()
    assert answer["choices"][0]["text"] == ""
    assert answer["choices"][0]["finish_reason"] == "length"
    assert complete(server, max_tokens=1).json()["usage"]["prompt_tokens_details"]["cached_tokens"] > 0


def test_prompt_logprobs_are_written_as_vllm_does(client: openai.OpenAI, server: RunningServer) -> None:
    completion = client.completions.create(
        model=TINY, prompt=PROMPT, max_tokens=1, extra_body={"prompt_logprobs": 2}
    ).choices[0]
    chat = client.chat.completions.create(
        model=TINY, messages=[{"role": "user", "content": PROMPT}], max_tokens=1, extra_body={"prompt_logprobs": 2}
    )
    assert completion.model_extra is not None
    assert chat.model_extra is not None
    ids = tokens_of(server, PROMPT)
    for told in (completion.model_extra["prompt_logprobs"], chat.model_extra["prompt_logprobs"]):
        assert told[0] is None
        assert len(told) == len(ids)
        for token, entry in zip(ids[1:], told[1:], strict=True):
            own = entry[str(token)]
            assert 2 <= len(entry) <= 3
            assert {"logprob", "rank", "decoded_token"} == set(own)
            assert own["rank"] >= 1
            assert (own["rank"] <= 2) == (len(entry) == 2)
    assert completion.logprobs is None


def test_each_prompt_of_a_list_has_its_own(server: RunningServer) -> None:
    prompts = ["The dog", "One day, a cat"]
    answer = complete(server, prompt=prompts, prompt_logprobs=0, n=2).json()
    n_each = [len(tokens_of(server, prompt)) for prompt in prompts]
    assert [len(choice["prompt_logprobs"]) for choice in answer["choices"]] == [n for n in n_each for _ in range(2)]


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt_logprobs": 1, "stream": True}, "prompt_logprobs"),
        ({"prompt_logprobs": 21}, "prompt_logprobs"),
        ({"echo": True, "logprobs": 1, "suffix": "end"}, "suffix"),
    ],
)
def test_what_can_not_be_told_is_refused(server: RunningServer, body: dict[str, Any], param: str) -> None:
    answer = server.http.post("/v1/completions", json={"model": TINY, "prompt": PROMPT} | body)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param


def test_a_chat_of_no_tokens_is_still_a_mistake(server: RunningServer) -> None:
    answer = server.http.post("/v1/chat/completions", json={"model": TINY, "messages": "Hi", "max_tokens": 0})
    assert answer.status_code == 400


def test_a_form_and_scores_of_the_prompt_go_together(server: RunningServer) -> None:
    answer = complete(server, prompt_logprobs=0, grammar={"type": "regex", "value": "yes or no"}).json()
    (choice,) = answer["choices"]
    assert "yes or no".startswith(choice["text"])
    assert len(choice["prompt_logprobs"]) == answer["usage"]["prompt_tokens"]


@pytest.mark.parametrize(
    ("echoed", "pieces", "offsets"),
    [
        ("ab", [b"<s>", b" a", b"b"], [0, 0, 1]),
        ("ab", [b"a", b"b"], [0, 1]),
        (None, [b"<s>", b"a"], [0, 3]),
        ("鳥a", [b"<s>", b"\xe9", b"\xb3", b"\xa5", b"a"], [0, 0, 0, 0, 1]),
        ("<s>a", [b"<s>", b"<s>", b"a"], [0, 0, 3]),
    ],
)
def test_offsets_count_from_where_the_text_begins(echoed: str | None, pieces: list[bytes], offsets: list[int]) -> None:
    told = TextTokens(0, echoed).told([PromptLogprob(0, piece) for piece in pieces], [])
    assert told["text_offset"] == offsets
