"""Names of repositories on the Hub: what is one, and which hold GGUFs of a model by name and owner. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HUB_ID = re.compile(r"[A-Za-z0-9_][\w.-]*/[A-Za-z0-9_][\w.-]*", re.ASCII)
_REVISION = re.compile(r"[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)*", re.ASCII)
_GGUF_OWNERS = ("ggml-org", "unsloth", "lmstudio-community", "bartowski")


def is_hub_id(model_id: str) -> bool:
    """Whether `model_id` has the form OWNER/NAME. A name that ends in .gguf is a file's, be it here or missing."""
    return _HUB_ID.fullmatch(model_id) is not None and not model_id.lower().endswith(".gguf")


def is_revision(text: str) -> bool:
    """Whether `text` can name a branch, a tag or a commit, and a file below `refs`."""
    return _REVISION.fullmatch(text) is not None


def sibling_repos(model_id: str) -> list[str]:
    """Hub repositories that hold GGUFs of `model_id` by the usual naming, its owner first; none for a GGUF repo."""
    owner, _, name = model_id.partition("/")
    if "gguf" in name.lower():
        return []
    repos = [f"{each}/{name}-GGUF" for each in (owner, *_GGUF_OWNERS)]
    return list(dict.fromkeys([*repos, f"bartowski/{owner}_{name}-GGUF"]))


def by_owner(model_id: str, repo_ids: Iterable[str]) -> list[tuple[str, str]]:
    """(repository, why) of GGUF repositories made from `model_id`: its owner's, those of well-known owners, the rest
    in the order given."""
    owner = model_id.partition("/")[0]
    known = (owner, *_GGUF_OWNERS)
    ranked = sorted(repo_ids, key=lambda repo: known.index(_owner(repo)) if _owner(repo) in known else len(known))
    return [(repo, _why(_owner(repo), owner)) for repo in ranked]


def is_trusted(model_id: str, repo_id: str) -> bool:
    """Whether `repo_id` belongs to the model's own owner or a well-known maker of GGUFs."""
    return _owner(repo_id) in (model_id.partition("/")[0], *_GGUF_OWNERS)


def _owner(repo_id: str) -> str:
    return repo_id.partition("/")[0]


def _why(owner: str, official: str) -> str:
    if owner == official:
        return f"made by {owner}, the model's owner"
    return f"made by {owner}, a well-known owner" if owner in _GGUF_OWNERS else f"made by {owner}, the most downloaded"
