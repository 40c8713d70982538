"""`python -m tests.serve JSON`: a real server for tests. JSON: {"settings": models.toml as an object, "limits": {…}}.

Prints its base URL as the first line, its log on stderr.
"""

import asyncio
import json
import sys

import uvloop

from lsrv import log
from lsrv.api import run_server
from lsrv.api.connection import Limits
from lsrv.config import Settings
from lsrv.errors import LsrvError
from lsrv.registry import Registry


def main() -> int:
    given = json.loads(sys.argv[1])
    settings = Settings.model_validate(given["settings"])
    limits = Limits(**given["limits"]) if given["limits"] else None
    log.configure("json")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            return runner.run(run_server(settings, Registry(settings), on_listening=_announce, limits=limits))
        except LsrvError as error:
            print(error.message, file=sys.stderr)
            return 2


def _announce(urls: list[str]) -> None:
    print(urls[0], flush=True)


if __name__ == "__main__":
    sys.exit(main())
