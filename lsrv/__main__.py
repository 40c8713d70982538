"""The command line: what the script `lsrv` and `python -m lsrv` run.

A hangup that comes while a server starts means a reload, and would end it until it is held back. Importing the commands
takes a tenth of a second, so that it is held back before.
"""

from __future__ import annotations

import sys

from lsrv.hangups import hold_hangups

_SERVING = ("from-config", "serve", "multi-model")


def main() -> None:
    """Run the command line and exit."""
    if sys.argv[1:2] and sys.argv[1] in _SERVING:
        hold_hangups()
    from lsrv.cli import main as run

    run()


if __name__ == "__main__":
    main()
