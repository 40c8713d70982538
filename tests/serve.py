"""`python -m tests.serve JSON`: a real server for tests. JSON: {"settings": …, "limits": {…}}.

`settings`: models.toml as an object, or the path of one, which can be reloaded then; a free port is taken.
Prints its base URL as the first line, its log on stderr.
"""

import asyncio
import functools
import json
import sys
from pathlib import Path

import uvloop

from lsrv import log
from lsrv.api import run_server
from lsrv.api.http.connection import Limits
from lsrv.config import Settings, load_settings
from lsrv.errors import LsrvError
from lsrv.registry import assemble


def main() -> int:
    given = json.loads(sys.argv[1])
    read = functools.partial(load_settings, Path(str(given["settings"])), overrides={"server": {"port": 0}})
    has_file = isinstance(given["settings"], str)
    limits = Limits(**given["limits"]) if given["limits"] else None
    log.configure("json")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        try:
            settings = read().settings if has_file else Settings.model_validate(given["settings"])
            serving = run_server(
                settings,
                assemble(settings),
                on_listening=_announce,
                limits=limits,
                read_settings=read if has_file else None,
            )
            return runner.run(serving)
        except LsrvError as error:
            print(error.message, file=sys.stderr)
            return 2


def _announce(urls: list[str]) -> None:
    print(urls[0], flush=True)


if __name__ == "__main__":
    sys.exit(main())
