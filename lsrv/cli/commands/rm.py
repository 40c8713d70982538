"""`lsrv rm`: deletes weights that lsrv made, and downloads; never what another program owns."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import rich_click as click

from lsrv.cli.display.say import say
from lsrv.cli.options import json_option
from lsrv.errors import WeightsNotFoundError

if TYPE_CHECKING:
    from lsrv.frontdoor.hub.downloads import Download
    from lsrv.frontdoor.store.store import StoredWeights

_HOW_ELSEWHERE = {"Ollama": "`ollama rm {name}`", "LM Studio": "LM Studio's My Models", "llama.cpp": "`rm {path}`"}


@click.command()
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@click.option("-y", "--yes", is_flag=True, help="Don't ask before a download is deleted.")
@json_option
def rm(names: tuple[str, ...], yes: bool, as_json: bool) -> None:
    """Delete weights. NAME is a key of `lsrv list` or a file name, of what lsrv made; or OWNER/NAME of a download.

    Such as `lsrv rm 3f2a`, `lsrv rm Qwen/Qwen3-4B-GGUF` or, for one file of it,
    `lsrv rm Qwen/Qwen3-4B-GGUF/Qwen3-4B-Q8_0.gguf`. What Ollama, LM Studio or llama.cpp have is theirs.
    """
    from lsrv.frontdoor.hub.cache_layout import default_cache
    from lsrv.frontdoor.hub.downloads import remove_download
    from lsrv.frontdoor.store.store import Store

    store, cache = Store(), default_cache()
    made: dict[str, StoredWeights] = {}
    downloads: dict[str, Download] = {}
    for name in names:
        _choose(store, name, made, downloads)
    freed: dict[str, int] = {}
    for stored in made.values():
        freed[stored.path.name] = store.remove(stored)
    for download in downloads.values():
        if yes or _is_wanted(download):
            freed[download.name] = remove_download(cache, download)
    if left := store.sweep():
        freed["unfinished files"] = left
    _tell(freed, as_json=as_json)


def _choose(store: object, name: str, made: dict[str, StoredWeights], downloads: dict[str, Download]) -> None:
    """Put what `name` means where it belongs. Raises WeightsNotFoundError: nothing is deleted then."""
    from lsrv.frontdoor.finding.other_programs import find_in_programs
    from lsrv.frontdoor.hub.cache_layout import default_cache
    from lsrv.frontdoor.hub.downloads import find_download
    from lsrv.frontdoor.store.store import Store, only_one

    assert isinstance(store, Store)
    if found := store.find(name):
        stored = only_one(found, name)
        made[stored.key] = stored
        return
    if (download := find_download(default_cache(), name)) is not None:
        downloads[download.name] = download
        return
    for other in find_in_programs(name):
        how = _HOW_ELSEWHERE[other.program].format(name=name, path=other.path)
        raise WeightsNotFoundError(f"{name}: belongs to {other.program}; delete it there ({how})")
    only_one([], name)


def _is_wanted(download: Download) -> bool:
    from lsrv.cli.display.table import count
    from lsrv.units import size

    if not sys.stdin.isatty():
        raise click.UsageError(f"{download.name} was downloaded; say --yes to delete it without being asked")
    what = f"{download.name} ({count(len(download.blobs), 'file')}, {size(download.size_bytes)})"
    return click.confirm(f"Delete {what} from the Hugging Face cache, which other programs may use?", err=True)


def _tell(freed: dict[str, int], *, as_json: bool) -> None:
    from lsrv.units import size

    if as_json:
        say(json.dumps({"freed_bytes": freed}, indent=2))
        return
    for name, n_bytes in freed.items():
        say(f"{name}: {size(n_bytes)} freed")
