"""`python -m tests.api.reference.fuzz [SCHEMATHESIS OPTIONS]`: schemathesis over our own reference and a real server.

It is no part of the tests, for it takes minutes: `pip install schemathesis`, or name the program in SCHEMATHESIS.
Exit code 0: no 5xx, every status and every body as the reference says.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.conftest import RunningServer, copies_of_stories

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# A stream without an end, what ends the server's work or fetches from the net, and 501 where llama-server says so.
LEFT_OUT = ("/admin/events", "/admin/stop", "/v1/models/disable", "/api/pull", "/props", "/slots/{id}")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        models = copies_of_stories(Path(folder))
        for model in models:
            model["defaults"] = {"max_tokens": 8}
        server = RunningServer({"server": {"port": 0, "spare_workers": 0}, "models": models}, {})
        try:
            return subprocess.run(_command(server.url), check=False).returncode
        finally:
            server.stop()


def _command(url: str) -> list[str]:
    program = shlex.split(os.environ.get("SCHEMATHESIS", "schemathesis"))
    left_out = [word for path in LEFT_OUT for word in ("--exclude-path", path)]
    options = ["--seed", "7", "--phases", "examples,coverage,fuzzing", "--checks", CHECKS]
    return [*program, "run", f"{url}/openapi.json", *options, *left_out, *sys.argv[1:]]


if __name__ == "__main__":
    sys.exit(main())
