"""Who is asked for a request: splits, fallbacks, and prompts too long for the default."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest

from lsrv.config import Settings
from lsrv.config.route import WeightedModel
from lsrv.errors import (
    CrashedError,
    LsrvError,
    ModelNotFoundError,
    NotEnoughMemoryError,
    PromptTooLongError,
    QueueFullError,
    RequestError,
    UnsupportedParameterError,
    UpstreamFailedError,
    UpstreamRefusedError,
)
from lsrv.model_id import ModelId
from lsrv.registry import EntryView
from lsrv.registry.long_prompts import longest_that_may_fit
from lsrv.registry.names import Names, Target
from lsrv.registry.virtual_models import Routing, choose, may_fall_back, share_of

pytestmark = pytest.mark.anyio

SPLIT = [WeightedModel(model="a", weight=3.0), WeightedModel(model="b", weight=1.0)]


@pytest.mark.parametrize(("share", "model"), [(0.0, "a"), (0.7499, "a"), (0.75, "b"), (0.9999999999999999, "b")])
def test_each_model_is_as_wide_as_its_weight(share: float, model: str) -> None:
    assert choose(SPLIT, share) == model


def test_many_users_fall_on_models_by_their_weights() -> None:
    counts = Counter(choose(SPLIT, share_of("r", f"user-{i}")) for i in range(4000))
    assert counts["a"] == pytest.approx(3000, abs=100)


def test_a_user_falls_on_the_same_model_for_ever() -> None:
    assert share_of("assistant", "alice") == 0.40268479191635775
    assert share_of("other", "alice") != share_of("assistant", "alice")


@pytest.mark.parametrize(
    "error",
    [
        QueueFullError("full"),
        NotEnoughMemoryError("big"),
        CrashedError("dead"),
        UpstreamFailedError("broken"),
        PromptTooLongError("long"),
        UnsupportedParameterError("tools"),
        *(UpstreamRefusedError("its own", status=status) for status in (402, 404, 406, 408, 410, 413, 424, 451)),
        LsrvError("a bug"),
    ],
)
def test_another_model_may_do_better(error: LsrvError) -> None:
    assert may_fall_back(error)


@pytest.mark.parametrize(
    "error",
    [RequestError("wrong"), *(UpstreamRefusedError("wrong", status=status) for status in (400, 405, 415, 422))],
)
def test_a_wrong_request_is_wrong_everywhere(error: LsrvError) -> None:
    assert not may_fall_back(error)


def view(model_id: str, n_params: int, n_ctx_seq: int, status: str = "loaded") -> EntryView:
    info: Any = SimpleNamespace(n_params=n_params, n_ctx_seq=n_ctx_seq, can_generate=True)
    return EntryView(
        model_id=model_id, listed_id=model_id, aliases=(), kind="text", status=cast(Any, status),
        endpoint_status="ready", info=info,
    )  # fmt: skip


def test_a_long_prompt_goes_to_the_longest_context_that_may_hold_it() -> None:
    views = [view("small", 99, 100), view("large", 9, 9000), view("larger", 1, 9500), view("twin", 1, 9500)]
    contexts = {"small": 100, "large": 9000, "larger": 9500, "twin": 9500}
    assert longest_that_may_fit(views, contexts, 8000) == "larger"
    assert longest_that_may_fit(views, contexts, 30_000) == "larger"  # its own tokenizer may make fewer of it
    assert longest_that_may_fit(views, contexts, 40_000) is None


def too_long() -> PromptTooLongError:
    return PromptTooLongError("long", n_prompt_tokens=600, n_ctx=512)


async def context_of(model_id: ModelId) -> int:
    """Of those that are not loaded: the file of "z" alone is on this machine."""
    return 4096 if model_id == "z" else 0


def routing(*views: EntryView, **route: Any) -> Routing:
    settings = Settings.model_validate(
        {
            "models": [{"model_id": name} for name in "abc"],
            "routes": [{"model_id": "r", "split": [{"model": "a"}]} | route],
        }
    )
    return Routing(settings, Names(settings, lambda model_id: []), lambda: list(views), context_of)


async def test_fallbacks_are_asked_in_their_order_and_the_first_error_is_told() -> None:
    attempts = routing(fallback=["b", "a", "c"]).attempts("r")
    asked = [attempts.target]
    for message in ("first", "second"):
        await attempts.go_on(QueueFullError(message))
        asked.append(attempts.target)
    assert asked == [Target("a"), Target("b"), Target("c")]
    with pytest.raises(QueueFullError, match="first"):
        await attempts.go_on(CrashedError("third"))


async def test_a_shadow_gets_no_copy_of_what_it_answers() -> None:
    attempts = routing(fallback=["b"], shadow=["a", "b", "c"]).attempts("r")
    assert attempts.shadows == [("r", "b"), ("r", "c")]
    await attempts.go_on(QueueFullError("full"))
    assert attempts.shadows == [("r", "a"), ("r", "c")]
    assert routing(shadow=["b"]).attempts("a").shadows == []


def test_a_share_of_requests_is_copied() -> None:
    routes = routing(shadow=["b"], shadow_share=0.25)
    n_copied = sum(bool(routes.attempts("r", sticky_key="alice").shadows) for _ in range(4000))
    assert n_copied == pytest.approx(1000, abs=150)


async def test_a_wrong_request_asks_nobody_else() -> None:
    with pytest.raises(RequestError):
        await routing(fallback=["b"]).attempts("r").go_on(RequestError("wrong"))


def test_an_adapter_that_is_unloaded_is_passed_over_and_is_not_ready() -> None:
    offered = ["x"]
    models = [{"model_id": "a", "adapters": [{"name": "x", "source": "x.gguf"}]}, {"model_id": "b"}]
    route = {"model_id": "r", "split": [{"model": "a:x"}], "fallback": ["b"]}
    settings = Settings.model_validate({"models": models, "routes": [route, route | {"model_id": "s", "fallback": []}]})
    names = Names(settings, lambda model_id: offered if model_id == "a" else [])
    routing = Routing(settings, names, lambda: [view("a", 1, 512), view("b", 1, 512)], context_of)
    assert routing.attempts("r").target == Target("a", "x")
    offered.clear()
    assert routing.attempts("r").target == Target("b")
    with pytest.raises(ModelNotFoundError, match="no adapter 'x'"):
        routing.attempts("s")
    assert [shown.is_ready for shown in routing.view_all()] == [True, False]


@pytest.mark.parametrize("model", [None, "", "default"])
async def test_an_unnamed_request_too_long_for_the_default_goes_on_to_longer_contexts_loaded_or_not(
    model: str | None,
) -> None:
    asleep = msgspec.structs.replace(view("z", 1, 0, "unloaded"), info=None)
    nowhere = msgspec.structs.replace(view("y", 1, 0, "unloaded"), info=None)
    attempts = routing(view("a", 5, 512), view("b", 1, 1024), asleep, nowhere).text_attempts(model)
    for expected in ("z", "b"):
        await attempts.go_on(too_long())
        assert attempts.target == Target(ModelId(expected))
    with pytest.raises(PromptTooLongError):
        await attempts.go_on(too_long())


@pytest.mark.parametrize(
    "changed", [{"endpoint_status": "disabled"}, {"kind": "embedding"}, {"kind": "upstream"}, {"is_removed": True}]
)
async def test_who_can_not_write_here_is_not_asked_for_a_long_prompt(changed: dict[str, Any]) -> None:
    other = msgspec.structs.replace(view("b", 1, 1024), **changed)
    with pytest.raises(PromptTooLongError):
        await routing(view("a", 5, 512), other).text_attempts(None).go_on(too_long())


async def test_a_named_one_gets_the_error_which_names_it() -> None:
    with pytest.raises(PromptTooLongError, match=r"model 'a' cannot handle context length 600 \(max: 512\)"):
        await routing(view("c", 2, 1024)).text_attempts("a").go_on(too_long())


async def test_vectors_of_another_model_are_no_answer() -> None:
    with pytest.raises(PromptTooLongError):
        await routing(view("c", 2, 1024)).attempts(None).go_on(too_long())


async def test_an_unnamed_request_stays_where_it_failed_otherwise() -> None:
    with pytest.raises(QueueFullError):
        await routing(view("c", 2, 1024)).text_attempts(None).go_on(QueueFullError("full"))
