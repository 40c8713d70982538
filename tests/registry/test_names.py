"""What clients call models, with and without adapters."""

from __future__ import annotations

import pytest

from lsrv.config import ModelSettings, Settings, plan_change
from lsrv.errors import ModelNotFoundError
from lsrv.registry.names import Names, Target

ADAPTERS = {"m": ["p", "b:c", "q"], "m:4b": ["p"], "plain": []}


@pytest.fixture
def names() -> Names:
    models = (
        ModelSettings(model_id="m", alias=("n",)),
        ModelSettings(model_id="m:4b"),
        ModelSettings(model_id="plain"),
    )
    return Names(Settings(models=models), lambda model_id: ADAPTERS[model_id])


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("m", Target("m")),
        ("n", Target("m")),
        (None, Target("m")),
        ("", Target("m")),
        ("default", Target("m")),
        ("m:p", Target("m", "p")),
        ("m::p", Target("m", "p")),
        ("n:p", Target("m", "p")),
        ("default:p", Target("m", "p")),
        ("m:b:c", Target("m", "b:c")),
        ("m:4b", Target("m:4b")),  # an entry of that name wins
        ("m:4b:p", Target("m:4b", "p")),  # the first colon leaves an entry without such an adapter
    ],
)
def test_a_name_means(names: Names, name: str | None, target: Target) -> None:
    assert names.target(name) == target


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x", "model 'x' not found; known models: n, n:p, n:b:c, n:q, m:4b, m:4b:p, plain"),
        ("x:p", "model 'x:p' not found"),
        (":p", "model ':p' not found"),
        ("m:", "model 'm:' not found"),
        ("n:x", "model 'n' has no adapter 'x'; it has n:p, n:b:c, n:q"),
        ("plain:p", "model 'plain' has no adapter 'p'; it has none"),
    ],
)
def test_an_unknown_name_is_told_with_those_there_are(names: Names, name: str, message: str) -> None:
    with pytest.raises(ModelNotFoundError) as caught:
        names.target(name)
    assert caught.value.message.startswith(message)
    assert caught.value.param == "model"


@pytest.mark.parametrize("name", ["m:" + "p" * 600, "x" * 400_000, ":" * 400_000, "m:" * 200_000])
def test_a_name_longer_than_any_is_not_searched_for_adapters_and_told_as_a_line(name: str) -> None:
    searched: list[str] = []

    def adapters_of(model_id: str) -> list[str]:
        searched.append(model_id)
        return []

    names = Names(Settings(models=(ModelSettings(model_id="m"),)), adapters_of)
    with pytest.raises(ModelNotFoundError) as caught:
        names.resolve(name)
    assert len(caught.value.message) < 300
    assert searched == ["m"]  # for the list of what there is


@pytest.mark.parametrize(
    ("spellings", "known"),
    [
        (("m:x", "m"), "m"),
        (("m:4b", "m"), "m:4b"),
        (("m:p", "m"), "m:p"),
        ((None, "m"), None),
        (("x:y", "x"), "x:y"),
    ],
)
def test_of_several_spellings_the_first_that_is_known_counts(
    names: Names, spellings: tuple[str | None, ...], known: str | None
) -> None:
    assert names.first_known(spellings) == known


def test_a_default_that_is_removed_leaves_none_until_one_is_named() -> None:
    def settings(*ids: str, default: str | None = None) -> Settings:
        return Settings(models=tuple(ModelSettings(model_id=each) for each in ids), default_model_id=default)

    before = settings("a", "b")
    names = Names(before, lambda model_id: [])
    for after in (settings("b"), settings("b", "c")):
        names.configure(plan_change(before, after))
        with pytest.raises(ModelNotFoundError, match=r"no models are currently available to .*'a' was removed from"):
            names.target(None)
        before = after
    names.configure(plan_change(before, settings("b", "c", default="c")))
    assert names.target(None) == Target("c")
    names.configure(plan_change(settings("b", "c", default="c"), settings("b")))
    names.choose_default("b")
    assert names.target(None) == Target("b")
    assert names.forget_default(settings("b")) == "b"
