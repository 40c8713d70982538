"""From what an entry says of an adapter to the one GGUF it means. Reads folders and headers; downloads nothing."""

from __future__ import annotations

from pathlib import Path

from lsrv import demo
from lsrv.errors import CorruptWeightsError, WeightsNotFoundError
from lsrv.frontdoor.disk_errors import disk_told
from lsrv.frontdoor.finding.choice import is_gguf
from lsrv.frontdoor.finding.folder import is_there
from lsrv.frontdoor.gguf.header import read_header
from lsrv.frontdoor.hub.cache_layout import default_cache, find_snapshot
from lsrv.frontdoor.repository import is_hub_id
from lsrv.home import expanded


def find_adapter(
    source: str, arch: str, *, revision: str = "main", folder: Path | None = None, hub_cache: Path | None = None
) -> Path:
    """The GGUF with LoRA weights that `source` means, checked to be one for models of `arch`. Blocking.

    Looked for in this order: a built-in name; a GGUF or a folder with one (a relative path starts at `folder`, None:
    the current one); the Hugging Face cache (None: its usual place), as OWNER/NAME or OWNER/NAME/FILE.
    Raises WeightsNotFoundError (with where it looked and what to do) or CorruptWeightsError.
    """
    with disk_told(source):
        path = demo.ADAPTERS.get(source) or (folder or Path()) / expanded(source)
        if path.is_dir():
            path = _only_adapter(path)
        elif not path.is_file():
            path = _in_cache(source, revision, path, hub_cache or default_cache())
        _check(path, arch)
        return path


def _in_cache(source: str, revision: str, path: Path, cache: Path) -> Path:
    owner, _, rest = source.partition("/")
    name, _, file = rest.partition("/")
    repo = f"{owner}/{name}"
    if not is_hub_id(repo):
        raise WeightsNotFoundError(
            f'adapter "{source}": there is no {path.absolute()}, and it is no Hub id (OWNER/NAME); mend its source'
        )
    snapshot = find_snapshot(cache, repo, revision)
    if snapshot is None:
        raise WeightsNotFoundError(
            f'adapter "{source}": there is no {path.absolute()}, and {repo}@{revision} is not in the cache '
            f"{cache}; run `hf download {repo} --revision {revision}`"
        )
    if not file:
        return _only_adapter(snapshot)
    found = snapshot / file
    if ".." in Path(file).parts or not found.is_file():
        raise WeightsNotFoundError(f'adapter "{source}": {repo}@{revision} has no {file}; name one of {snapshot}')
    return found


def _only_adapter(folder: Path) -> Path:
    """The one GGUF in `folder` that says it is an adapter."""
    found = [path for path in sorted(folder.iterdir()) if is_gguf(path.name) and is_there(path) and _is_adapter(path)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(path.name for path in found)
        raise WeightsNotFoundError(f"{folder}: holds several adapters ({names}); name one of these files")
    hint = "put a GGUF there"
    if any(folder.glob("*.safetensors")):
        hint = "make one of its safetensors with convert_lora_to_gguf.py of llama.cpp, and name that"
    raise WeightsNotFoundError(f"{folder}: holds no GGUF of an adapter; {hint}")


def _is_adapter(path: Path) -> bool:
    try:
        return read_header(path).general_type == "adapter"
    except (CorruptWeightsError, WeightsNotFoundError):
        return False  # it is named as such if it is what was asked for


def _check(path: Path, arch: str) -> None:
    """What llama.cpp would refuse, too, in words that name the file."""
    header = read_header(path)
    if header.general_type != "adapter":
        raise CorruptWeightsError(f'{path}: says it is of type "{header.general_type}"; name the GGUF of an adapter')
    if header.arch != arch:
        raise CorruptWeightsError(
            f"{path}: is an adapter for {header.arch or 'no'} models, and this one is {arch}; "
            "name an adapter that was made for it"
        )
