"""What a changed file means for a server that runs: entries by entry, key by key."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from lsrv.config import Settings, load_settings, plan_change

Read = Callable[..., Settings]

ONE = '[[models]]\nmodel_id = "one"\n'
TWO = '[[models]]\nmodel_id = "two"\n'


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def read(text: str, folder: str = ".") -> Settings:
        path = tmp_path / folder / "models.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return load_settings(path, environ={}).settings

    return read


def test_the_same_file_changes_nothing(read: Read) -> None:
    change = plan_change(read(ONE + TWO), read("# a comment\n" + ONE + TWO))
    assert change.is_empty


def test_entries_come_and_go_by_their_model_id(read: Read) -> None:
    change = plan_change(read(ONE + TWO), read(TWO + '[[models]]\nmodel_id = "three"\n'))
    assert [model.model_id for model in change.added] == ["three"]
    assert [model.model_id for model in change.removed] == ["one"]
    assert change.changed == ()
    assert [model.model_id for model in change.settings.models] == ["two", "three"]


@pytest.mark.parametrize(
    ("lines", "keys", "needs_load"),
    [
        ('alias = "uno"', ("alias",), False),
        ("pinned = true\npriority = 3\npreload = true", ("preload", "pinned", "priority"), False),
        ('keep_alive = "1m"', ("keep_alive",), False),
        ("enabled = false", ("enabled",), False),
        ("queue = 1\nmax_concurrency = 2", ("max_concurrency", "queue"), False),
        ("defaults = { temperature = 0.5, stop = ['x'] }", ("defaults.temperature", "defaults.stop"), False),
        ("context = { context_length = 128, slots = 2 }", ("context.context_length", "context.slots"), True),
        ('quantization = { quant = "4" }\nqueue = 1', ("queue", "quantization.quant"), True),
        ('adapters = [{ name = "a", source = "a.gguf" }]', ("adapters",), True),
        ("device = { cpu = true }", ("device.cpu",), True),
    ],
)
def test_a_changed_entry_names_its_keys_and_whether_they_need_a_load(
    read: Read, lines: str, keys: tuple[str, ...], needs_load: bool
) -> None:
    (changed,) = plan_change(read(ONE), read(ONE + lines)).changed
    assert (changed.settings.model_id, changed.keys, changed.needs_load) == ("one", keys, needs_load)


def test_whether_an_entry_serves_is_said_anew_where_the_file_changes_it_and_for_new_entries(read: Read) -> None:
    before = read(ONE + TWO + "enabled = false\n")
    after = read(ONE + "enabled = false\n" + TWO + "enabled = false\nqueue = 1\n" + '[[models]]\nmodel_id = "three"\n')
    assert plan_change(before, after).switched == {"one", "three"}


def test_the_same_path_written_in_another_folder_is_another_file(read: Read) -> None:
    (changed,) = plan_change(read(ONE), read(ONE, "elsewhere")).changed
    assert (changed.keys, changed.needs_load) == (("model_id",), True)


def test_a_keep_alive_that_entries_take_from_the_server_changes_them(read: Read) -> None:
    change = plan_change(read(ONE), read('[server]\nkeep_alive = "1m"\n' + ONE))
    assert change.at_once == ("server.keep_alive",)
    assert [changed.keys for changed in change.changed] == [("keep_alive",)]


def test_keys_that_need_a_restart_keep_their_old_value_and_are_told_every_time(read: Read) -> None:
    old = read("[server]\nport = 1\n" + ONE)
    new = read('[server]\nport = 2\nno_ui = true\napi_keys = ["k"]\n[global]\nseed = 7\n' + ONE)
    change = plan_change(old, new)
    assert set(change.needs_restart) == {"server.port", "server.no_ui"}
    assert set(change.at_once) == {"server.api_keys", "global.seed"}
    running = change.settings
    assert (running.server.port, running.server.no_ui, running.server.api_keys) == (1, False, ("k",))
    assert running.global_.seed == 7
    assert set(plan_change(running, new).needs_restart) == {"server.port", "server.no_ui"}


def test_routes_are_told_by_their_ids(read: Read) -> None:
    def routes(**split: str) -> Settings:
        table = '[[routes]]\nmodel_id = "{}"\nsplit = [{{ model = "{}" }}]\n'
        return read(ONE + TWO + "".join(table.format(*each) for each in split.items()))

    old = routes(same="one", other="one", gone="two")
    assert plan_change(old, routes(same="one", other="two", new="one")).at_once == (
        "routes.other",
        "routes.gone",
        "routes.new",
    )
    assert plan_change(old, routes(gone="two", other="one", same="one")).at_once == ("routes",)


def test_what_holds_at_once_is_named_by_keys_that_exist() -> None:
    """A key of `_AT_ONCE` that no setting has any more would be a promise that nobody keeps."""
    from lsrv.config.change import _AT_ONCE, _LIGHT
    from lsrv.config.keys import known_keys

    known = {str(key) for key in known_keys().values()}
    assert known >= _AT_ONCE
    assert known >= {f"models.{key}" for key in _LIGHT}
