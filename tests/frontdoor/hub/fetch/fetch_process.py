"""Fetches one file in a process of its own, for tests that kill it.

`python -m tests.frontdoor.hub.fetch.fetch_process REPO NAME`.
HF_ENDPOINT and HF_HUB_CACHE say from where and to where; prints the path.
"""

from __future__ import annotations

import sys

from lsrv.frontdoor.hub import Hub
from lsrv.frontdoor.hub.cache_layout import default_cache
from lsrv.frontdoor.hub.fetch import TransferLimits, fetch_files

LIMITS = TransferLimits(n_connections=4, segment_bytes=512 * 1024)


def main(repo_id: str, name: str) -> None:
    hub = Hub(None)
    print(*fetch_files(hub, hub.list_repo(repo_id), [name], default_cache(), limits=LIMITS))


if __name__ == "__main__":
    main(*sys.argv[1:])
