from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from lsrv.protocol.commands import AdapterChoice, Generate, Grammar, Infill, MediaFile, Sampling, ToolUse
from lsrv.response_cache import Subject, is_repeatable, key_of

SUBJECT = Subject("m", "digest", ("adapter",), ("21 Nov 2026",))
COMMAND = Generate(
    request_id=0,
    messages=[{"role": "user", "content": "a"}],
    sampling=Sampling(temperature=0.7, seed=1, logit_bias={5: 1.0}),
    max_tokens=8,
)

# A value other than COMMAND's for every field that changes an answer.
OTHER_FIELDS: dict[str, object] = {
    "messages": [{"role": "user", "content": "b"}],
    "prompt": "a",
    "prompt_parts": ["a", 1],
    "infill": Infill("b"),
    "media": [MediaFile(b"picture", "a")],
    "media_marker": "mark",
    "earlier_tokens": [1],
    "wants_tokens": True,
    "wants_details": True,
    "max_decode_s": 1.0,
    "tool_use": ToolUse(tools=[], names=[]),
    "reasoning_budget": 5,
    "can_end_thoughts": True,
    "template_kwargs": {"enable_thinking": False},
    "sampling": Sampling(temperature=0.7, seed=2),
    "grammar": Grammar("regex", "a+", "grammar"),
    "adapters": [AdapterChoice("a", 0.5)],
    "max_tokens": 9,
    "stop": ["\n"],
    "n_top_logprobs": 0,
    "n_prompt_logprobs": 0,
    "ignore_eos": True,
    "is_echoing": True,
}
OTHER_SAMPLING: dict[str, object] = {
    "temperature": 0.8, "top_k": 1, "top_p": 0.5, "min_p": 0.1, "typical_p": 0.5, "top_n_sigma": 1.0,
    "xtc_probability": 0.5, "xtc_threshold": 0.2, "dynatemp_range": 0.1, "dynatemp_exponent": 2.0, "repeat_last_n": 3,
    "repeat_penalty": 1.1, "presence_penalty": 0.1, "frequency_penalty": 0.1, "dry_multiplier": 0.5, "dry_base": 2.0,
    "dry_allowed_length": 3, "dry_penalty_last_n": 5, "dry_sequence_breakers": ["x"], "mirostat": 1,
    "mirostat_tau": 4.0, "mirostat_eta": 0.2, "logit_bias": {5: 2.0}, "text_bias": {"x": 1.0},
    "seed": 2,
}  # fmt: skip


def test_the_tables_name_every_field_that_there_is() -> None:
    fields = {field.name for field in msgspec.structs.fields(Generate)}
    assert (
        fields
        - {
            "request_id",
            "is_streaming",
            "cache_prompt",
            "priority",
            "is_copy",
            "call_id",
            "prediction",
            "wants_progress",
        }
        == OTHER_FIELDS.keys()
    )
    assert {field.name for field in msgspec.structs.fields(Sampling)} == OTHER_SAMPLING.keys()


@pytest.mark.parametrize("name", OTHER_FIELDS)
def test_every_field_of_a_command_is_in_the_key(name: str) -> None:
    assert key_of(SUBJECT, [replace(COMMAND, **{name: OTHER_FIELDS[name]})]) != key_of(SUBJECT, [COMMAND])


@pytest.mark.parametrize("name", OTHER_SAMPLING)
def test_every_sampler_setting_is_in_the_key(name: str) -> None:
    changed = replace(COMMAND, sampling=replace(COMMAND.sampling, **{name: OTHER_SAMPLING[name]}))
    assert key_of(SUBJECT, [changed]) != key_of(SUBJECT, [COMMAND])


@pytest.mark.parametrize(
    "other",
    [
        replace(SUBJECT, model_id="n"),
        replace(SUBJECT, weights="other"),
        replace(SUBJECT, adapters=("other",)),
        replace(SUBJECT, dates=("22 Nov 2026",)),
    ],
)
def test_who_answers_is_in_the_key(other: Subject) -> None:
    assert key_of(other, [COMMAND]) != key_of(SUBJECT, [COMMAND])


def test_the_number_of_choices_is_in_the_key() -> None:
    assert key_of(SUBJECT, [COMMAND, COMMAND]) != key_of(SUBJECT, [COMMAND])


def test_the_order_of_keys_is_in_the_key_for_templates_write_them() -> None:
    one, other = ({"a": 1, "b": 2}, {"b": 2, "a": 1})
    keys = [key_of(SUBJECT, [replace(COMMAND, template_kwargs={"options": options})]) for options in (one, other)]
    assert keys[0] != keys[1]


@pytest.mark.parametrize("change", [{"request_id": 7}, {"is_streaming": False}, {"cache_prompt": False}])
def test_how_an_answer_is_sent_and_computed_is_not(change: dict[str, object]) -> None:
    assert key_of(SUBJECT, [replace(COMMAND, **change)]) == key_of(SUBJECT, [COMMAND])


def test_a_token_that_is_ruled_out_is_not_one_without_bias() -> None:
    def key(bias: dict[int, float] | None) -> str:
        return key_of(SUBJECT, [replace(COMMAND, sampling=Sampling(temperature=0, logit_bias=bias))])

    assert len({key({5: float("-inf")}), key({5: 0.0}), key({6: float("-inf")}), key(None)}) == 4


def test_the_likeliest_tokens_need_no_seed() -> None:
    def key(seed: int | None) -> str:
        return key_of(SUBJECT, [replace(COMMAND, sampling=Sampling(temperature=0, seed=seed))])

    assert key(1) == key(2) == key(None)


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Sampling(), False),
        (Sampling(temperature=0.7), False),
        (Sampling(temperature=0), True),
        (Sampling(temperature=0.7, seed=0), True),
    ],
)
def test_only_what_comes_out_the_same_again_is_repeatable(sampling: Sampling, expected: bool) -> None:
    assert is_repeatable([replace(COMMAND, sampling=sampling)]) is expected
