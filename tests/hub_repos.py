"""What the test Hub holds: repositories, files and who may read them. Values only; `hub_server` speaks HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_LFS_ENDINGS = (".gguf", ".safetensors", ".bin", ".pt", ".model", "tokenizer.json")  # as in the Hub's .gitattributes
_POINTER_BYTES = 134


@dataclass(frozen=True)
class StoredFile:
    """One version of one file."""

    name: str
    data: bytes
    sha256: str
    blob_id: str  # git's object id
    is_lfs: bool

    @property
    def etag(self) -> str:
        """What `resolve` calls it: the sha256 of an LFS file, git's id of any other."""
        return self.sha256 if self.is_lfs else self.blob_id

    @property
    def storage_etag(self) -> str:
        """What the storage host calls the same bytes: something else, as a CDN does."""
        return f"{hashlib.md5(self.data).hexdigest()}-1"

    def sibling(self, with_blobs: bool) -> dict[str, Any]:
        """As in `siblings` of a model's information."""
        found: dict[str, Any] = {"rfilename": self.name}
        if with_blobs:
            found |= {"size": len(self.data), "blobId": self.blob_id}
        if with_blobs and self.is_lfs:
            found["lfs"] = {"size": len(self.data), "sha256": self.sha256, "pointerSize": _POINTER_BYTES}
        return found

    def tree_entry(self) -> dict[str, Any]:
        """As in the answer of `tree`."""
        entry: dict[str, Any] = {"type": "file", "path": self.name, "size": len(self.data), "oid": self.blob_id}
        if self.is_lfs:
            entry["lfs"] = {"size": len(self.data), "oid": self.sha256, "pointerSize": _POINTER_BYTES}
        return entry


def stored_file(name: str, content: bytes | Path) -> StoredFile:
    data = content.read_bytes() if isinstance(content, Path) else content
    blob_id = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
    return StoredFile(name, data, hashlib.sha256(data).hexdigest(), blob_id, name.endswith(_LFS_ENDINGS))


@dataclass
class Repo:
    """A model repository with one branch, "main"."""

    repo_id: str
    files: dict[str, StoredFile]
    base_model: str | None = None  # whose quantization it is
    gated: bool = False
    private: bool = False
    downloads: int = 0
    tags: tuple[str, ...] = ()
    pipeline_tag: str = "text-generation"
    library: str = "transformers"
    revisions: dict[str, str] = field(default_factory=dict[str, str])  # name -> commit

    @property
    def commit(self) -> str:
        return self.revisions["main"]

    def commit_of(self, revision: str) -> str | None:
        """The commit that a branch, tag or commit names. Only the newest one can be read."""
        return self.commit if revision == self.commit else self.revisions.get(revision)

    @property
    def all_tags(self) -> list[str]:
        tags = [self.library, *self.tags]
        tags += ["gguf"] if any(name.endswith(".gguf") for name in self.files) else []
        if self.base_model is not None:
            tags += [f"base_model:{self.base_model}", f"base_model:quantized:{self.base_model}"]
        return list(dict.fromkeys(tags))

    def information(self, with_blobs: bool) -> dict[str, Any]:
        """As `/api/models/{repo_id}` answers it."""
        return {
            "_id": self.commit[:24],
            "id": self.repo_id,
            "modelId": self.repo_id,
            "author": self.repo_id.partition("/")[0],
            "sha": self.commit,
            "private": self.private,
            "gated": "auto" if self.gated else False,
            "disabled": False,
            "downloads": self.downloads,
            "likes": 0,
            "tags": self.all_tags,
            "pipeline_tag": self.pipeline_tag,
            "library_name": self.library,
            "lastModified": "2026-01-02T03:04:05.000Z",
            "createdAt": "2026-01-01T00:00:00.000Z",
            "cardData": {"base_model": self.base_model} if self.base_model else {},
            "siblings": [file.sibling(with_blobs) for file in self.files.values()],
        }

    def commit_files(self, files: Iterable[StoredFile]) -> None:
        """Add or replace files in a new commit."""
        self.files |= {file.name: file for file in files}
        names = "\n".join(f"{file.name} {file.blob_id}" for file in self.files.values())
        self.revisions["main"] = hashlib.sha1(f"{self.repo_id}\n{names}".encode()).hexdigest()


def make_repo(repo_id: str, files: Mapping[str, bytes | Path], **options: Any) -> Repo:
    """A repository with one commit."""
    repo = Repo(repo_id, {}, **options)
    repo.commit_files(stored_file(name, content) for name, content in files.items())
    return repo
