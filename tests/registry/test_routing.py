"""Who is asked for a request: splits, fallbacks, and prompts too long for the default."""

from __future__ import annotations

from collections import Counter
from types import SimpleNamespace
from typing import Any, cast

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
from lsrv.registry import EntryView
from lsrv.registry.names import Names, Target
from lsrv.registry.virtual_models import Routing, choose, largest_that_fits, may_fall_back, share_of

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


def test_a_long_prompt_goes_to_the_largest_model_that_holds_it() -> None:
    views = [
        view("small", 1, 9000),
        view("large", 9, 9000),
        view("larger", 99, 8000),
        view("asleep", 999, 9000, "error"),
    ]
    assert largest_that_fits(views, 8000) == "large"
    assert largest_that_fits(views, 9000) is None


def routing(*views: EntryView, **route: Any) -> Routing:
    settings = Settings.model_validate(
        {
            "models": [{"model_id": name} for name in "abc"],
            "routes": [{"model_id": "r", "split": [{"model": "a"}]} | route],
        }
    )
    return Routing(settings, Names(settings, lambda model_id: []), lambda: list(views))


def test_fallbacks_are_asked_in_their_order_and_the_first_error_is_told() -> None:
    attempts = routing(fallback=["b", "a", "c"]).attempts("r")
    asked = [attempts.target]
    for message in ("first", "second"):
        attempts.go_on(QueueFullError(message))
        asked.append(attempts.target)
    assert asked == [Target("a"), Target("b"), Target("c")]
    with pytest.raises(QueueFullError, match="first"):
        attempts.go_on(CrashedError("third"))


def test_a_shadow_gets_no_copy_of_what_it_answers() -> None:
    attempts = routing(fallback=["b"], shadow=["a", "b", "c"]).attempts("r")
    assert attempts.shadows == [("r", "b"), ("r", "c")]
    attempts.go_on(QueueFullError("full"))
    assert attempts.shadows == [("r", "a"), ("r", "c")]
    assert routing(shadow=["b"]).attempts("a").shadows == []


def test_a_share_of_requests_is_copied() -> None:
    routes = routing(shadow=["b"], shadow_share=0.25)
    n_copied = sum(bool(routes.attempts("r", sticky_key="alice").shadows) for _ in range(4000))
    assert n_copied == pytest.approx(1000, abs=150)


def test_a_wrong_request_asks_nobody_else() -> None:
    with pytest.raises(RequestError):
        routing(fallback=["b"]).attempts("r").go_on(RequestError("wrong"))


def test_an_adapter_that_is_unloaded_is_passed_over_and_is_not_ready() -> None:
    offered = ["x"]
    models = [{"model_id": "a", "adapters": [{"name": "x", "source": "x.gguf"}]}, {"model_id": "b"}]
    route = {"model_id": "r", "split": [{"model": "a:x"}], "fallback": ["b"]}
    settings = Settings.model_validate({"models": models, "routes": [route, route | {"model_id": "s", "fallback": []}]})
    names = Names(settings, lambda model_id: offered if model_id == "a" else [])
    routing = Routing(settings, names, lambda: [view("a", 1, 512), view("b", 1, 512)])
    assert routing.attempts("r").target == Target("a", "x")
    offered.clear()
    assert routing.attempts("r").target == Target("b")
    with pytest.raises(ModelNotFoundError, match="no adapter 'x'"):
        routing.attempts("s")
    assert [shown.is_ready for shown in routing.view_all()] == [True, False]


TOO_LONG = PromptTooLongError("long", n_prompt_tokens=600, n_ctx=512)


@pytest.mark.parametrize("model", [None, "", "default"])
def test_an_unnamed_request_too_long_for_the_default_goes_on(model: str | None) -> None:
    attempts = routing(view("a", 5, 512), view("b", 1, 1024), view("c", 2, 1024)).text_attempts(model)
    attempts.go_on(TOO_LONG)
    assert attempts.target == Target("c")
    attempts.go_on(TOO_LONG)
    assert attempts.target == Target("b")
    with pytest.raises(PromptTooLongError):
        attempts.go_on(TOO_LONG)


def test_a_named_one_gets_the_error() -> None:
    with pytest.raises(PromptTooLongError):
        routing(view("c", 2, 1024)).text_attempts("a").go_on(TOO_LONG)


def test_vectors_of_another_model_are_no_answer() -> None:
    with pytest.raises(PromptTooLongError):
        routing(view("c", 2, 1024)).attempts(None).go_on(TOO_LONG)


def test_an_unnamed_request_stays_where_it_failed_otherwise() -> None:
    with pytest.raises(QueueFullError):
        routing(view("c", 2, 1024)).text_attempts(None).go_on(QueueFullError("full"))
