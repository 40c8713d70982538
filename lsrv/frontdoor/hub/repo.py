"""What the Hub says about a repository, as values; its JSON is checked here, for names and hashes become paths."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeVar

import msgspec

from lsrv.echo import echo

_COMMIT = re.compile(r"[0-9a-f]{40}")
_ETAG = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_BASE_MODEL = "base_model:"
_N_FILES_MAX = 100_000  # what the Hub recommends as the most
_N_NAME_BYTES_MAX = 4096  # PATH_MAX of Linux
_T = TypeVar("_T")

Gated = Literal["auto", "manual"] | None  # None: open to everybody


@dataclass(frozen=True)
class HubFile:
    """One file at one commit. `etag` names its blob in the cache: the sha256, or git's id of a small file."""

    name: str  # relative to the repository, with "/"
    size_bytes: int
    etag: str
    sha256: str | None  # None: kept in git itself; `etag` is then sha1("blob SIZE\0" + bytes)


@dataclass(frozen=True)
class HubRepo:
    """One commit of a model repository. `repo_id` and `revision` are what was asked for."""

    repo_id: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]
    gated: Gated = None
    base_models: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    library: str | None = None
    pipeline_tag: str | None = None

    def file(self, name: str) -> HubFile:
        """Raises KeyError if there is none of that name."""
        for each in self.files:
            if each.name == name:
                return each
        raise KeyError(name)


@dataclass(frozen=True)
class HubHit:
    """A repository found by a search: names only, sizes and hashes come with `Hub.list_repo`."""

    repo_id: str
    owner: str
    downloads: int
    file_names: tuple[str, ...]
    gated: Gated = None
    tags: tuple[str, ...] = ()


class BadAnswerError(Exception):
    """The endpoint answered something that no Hub says; the text says what."""


class _Lfs(msgspec.Struct):
    sha256: str


class _Sibling(msgspec.Struct):
    rfilename: str
    size: int | None = None
    blob_id: str | None = msgspec.field(default=None, name="blobId")
    lfs: _Lfs | None = None


class _Model(msgspec.Struct):
    """The part of `/api/models` that we read."""

    id: str
    sha: str | None = None
    siblings: list[_Sibling] | None = None
    tags: list[str] | None = None
    gated: bool | str = False
    downloads: int | None = None
    library_name: str | None = None
    pipeline_tag: str | None = None


def read_repo(repo_id: str, revision: str, answer: bytes) -> HubRepo:
    """A repository, from the answer of `/api/models/{repo_id}?blobs=true`. Raises BadAnswerError."""
    model = _decode(answer, _Model)
    if model.sha is None or not _COMMIT.fullmatch(model.sha):
        raise BadAnswerError(f"no commit but {echo(repr(model.sha))}")
    if len(model.siblings or ()) > _N_FILES_MAX:
        raise BadAnswerError(f"a repository of more than {_N_FILES_MAX} files")
    return HubRepo(
        repo_id=repo_id,
        revision=revision,
        commit=model.sha,
        files=tuple(_file(each) for each in model.siblings or ()),
        gated=_gated(model),
        base_models=_base_models(model.tags or []),
        tags=tuple(model.tags or ()),
        library=model.library_name,
        pipeline_tag=model.pipeline_tag,
    )


def read_hits(answer: bytes) -> list[HubHit]:
    """Search hits, from the answer of `/api/models?filter=…`, in the Hub's order. Raises BadAnswerError."""
    return [
        HubHit(
            repo_id=model.id,
            owner=model.id.partition("/")[0],
            downloads=model.downloads or 0,
            file_names=tuple(each.rfilename for each in model.siblings or ()),
            gated=_gated(model),
            tags=tuple(model.tags or ()),
        )
        for model in _decode(answer, list[_Model])
    ]


def _decode(answer: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.MsgspecError as error:
        raise BadAnswerError(f"no listing ({echo(str(error))})") from None
    except RecursionError:
        raise BadAnswerError("a listing that is nested without end") from None


def _file(sibling: _Sibling) -> HubFile:
    """Raises BadAnswerError for a name that would leave its folder, and for a file without size and hash."""
    name = sibling.rfilename
    path = PurePosixPath(name)
    if path.is_absolute() or path.as_posix() != name or {"..", "."} & set(path.parts) or "\\" in name or "\0" in name:
        raise BadAnswerError(f"a file named {echo(repr(name))}")
    if len(os.fsencode(name)) > _N_NAME_BYTES_MAX:
        raise BadAnswerError(f"a file named {echo(repr(name))}")
    etag = sibling.lfs.sha256 if sibling.lfs is not None else sibling.blob_id
    if sibling.size is None or sibling.size < 0 or etag is None or not _ETAG.fullmatch(etag):
        raise BadAnswerError(f"no size and hash of {echo(repr(name))}")
    return HubFile(name, sibling.size, etag, sibling.lfs.sha256 if sibling.lfs is not None else None)


def _gated(model: _Model) -> Gated:
    if not model.gated:
        return None
    return "manual" if model.gated == "manual" else "auto"


def _base_models(tags: list[str]) -> tuple[str, ...]:
    """Models in tags such as "base_model:OWNER/NAME"; "base_model:quantized:OWNER/NAME" says the same once more."""
    found = [tag.removeprefix(_BASE_MODEL).rpartition(":")[2] for tag in tags if tag.startswith(_BASE_MODEL)]
    return tuple(dict.fromkeys(found))
