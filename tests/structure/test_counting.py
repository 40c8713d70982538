"""The counters of the building's figures, on graphs and files small enough to count by hand."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from tests.structure.branches import kind_branches, resolved_again
from tests.structure.modules import Module, import_graph, read_modules
from tests.structure.names import twin_files, twin_types
from tests.structure.rooms import circles, floors, room_graph, upward


def tree(folder: Path, **files: str) -> dict[str, Module]:
    """Modules of the given code; a name's `__` is a folder."""
    for name, code in files.items():
        path = folder / "lsrv" / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(code))
    return read_modules(folder / "lsrv")


def test_an_import_of_a_name_and_one_of_a_module_are_told_apart(tmp_path: Path) -> None:
    modules = tree(tmp_path, a__b="", c="from lsrv.a import b", d="from lsrv.a.b import Name", e="import lsrv.c, os")
    assert import_graph(modules) == {"a/b": set(), "c": {"a/b"}, "d": {"a/b"}, "e": {"c"}}


def test_a_room_is_a_file_or_a_folder_and_the_door_is_none(tmp_path: Path) -> None:
    modules = tree(tmp_path, p__init="", p__a="from lsrv.p.f.x import X", p__f__x="from lsrv.q import y", q="")
    (tmp_path / "lsrv/p/init.py").rename(tmp_path / "lsrv/p/__init__.py")
    modules = read_modules(tmp_path / "lsrv")
    assert room_graph("p", import_graph(modules)) == {"a": {"f"}, "f": set()}


@pytest.mark.parametrize(
    ("graph", "n_floors", "found"),
    [
        ({}, 0, []),
        ({"a": {"b", "c"}, "b": {"c"}, "c": set()}, 3, []),
        ({"a": {"b"}, "b": {"c"}, "c": {"b"}}, 2, [["b", "c"]]),
        ({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}, 2, [["a", "b", "c"]]),
    ],
)
def test_floors_are_those_of_the_longest_chain_and_a_circle_is_one(
    graph: dict[str, set[str]], n_floors: int, found: list[list[str]]
) -> None:
    assert floors(graph) == n_floors
    assert circles(graph) == found


def test_an_import_against_the_order_is_named() -> None:
    assert upward({"a": {"b"}, "b": {"a", "c"}, "c": set()}, "a b c") == ["b -> a"]


def test_type_names_are_counted_where_two_modules_define_them(tmp_path: Path) -> None:
    modules = tree(
        tmp_path, a="class Load: ...\nclass Once: ...", b="Load = int | str\nLIMIT = 1\nOnce_ = 2", c="class _Load: ..."
    )
    assert twin_types(modules.values()) == {"Load": ["a", "b"]}


def test_a_folder_parts_files_of_one_name(tmp_path: Path) -> None:
    modules = tree(tmp_path, a__fit="", b__fit="", b__c__fit="", config__cache="", a__cache="", b__c__cache="")
    assert twin_files(modules.values()) == {"fit.py": ["a/fit", "b/fit"]}


@pytest.mark.parametrize(
    "code",
    [
        "if registry.is_upstream(name): ...",
        "x = [each for each in models if each.upstream is None]",
        'if view.kind != "upstream": ...',
        "assert isinstance(lease, WorkerLease)",
        "match lease:\n    case UpstreamLease(): ...",
        "if (far := self._upstreams.get(name)) is not None: ...",
    ],
)
def test_a_branch_on_the_kind_of_endpoint_counts_outside_their_room_only(tmp_path: Path, code: str) -> None:
    modules = tree(tmp_path, api__x=code, registry__upstream__x=code)
    assert [place.split(":")[0] for place in kind_branches(modules.values())] == ["api/x"]


def test_a_model_id_that_is_resolved_behind_the_names_counts(tmp_path: Path) -> None:
    modules = tree(
        tmp_path,
        registry__x="self.resolve(model)\npath.resolve()",
        api__x="registry.names.resolve(m)",
        registry__names="n.resolve(m)",
    )
    assert resolved_again(modules.values()) == ["registry/x:1"]
