"""Python imports this file at its start when a folder that holds it, named `sitecustomize.py`, is on PYTHONPATH.

It notes every file of lsrv in which a function runs (module bodies apart), in every thread of the process, whose
`PID.pid` says that it takes part. The notes begin anew when a file `begin` appears beside this one, and are written to
`PID.json` when `end` does: `{"command": [...], "files": [...], "resolved": look-ups of names}`. Needs nothing of
lsrv, so that it can follow any version of it.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from pathlib import Path
from types import FrameType

_HERE = Path(__file__).parent
_POLL_S = 0.01
_ROOT = "/lsrv/"
_LOOK_UPS = ("Names._named", "Names._default")  # each look-up of a name calls one of them, whatever it is called itself

_files: set[str] = set()
_resolved: list[str] = []


def _note(frame: FrameType, event: str, _argument: object) -> None:
    code = frame.f_code
    if event != "call" or _ROOT not in code.co_filename or code.co_name == "<module>":
        return
    name = code.co_filename.rpartition(_ROOT)[2]
    _files.add(name)
    if code.co_qualname in _LOOK_UPS:
        _resolved.append(name)


def _write() -> None:
    while not (_HERE / "begin").exists():
        time.sleep(_POLL_S)
    _files.clear()
    _resolved.clear()
    (_HERE / f"{os.getpid()}.began").touch()
    while not (_HERE / "end").exists():
        time.sleep(_POLL_S)
    noted = {"command": sys.orig_argv, "files": sorted(_files), "resolved": len(_resolved)}
    unfinished = _HERE / f"{os.getpid()}.part"
    unfinished.write_text(json.dumps(noted))
    unfinished.rename(_HERE / f"{os.getpid()}.json")


(_HERE / f"{os.getpid()}.pid").touch()
threading.setprofile(_note)
sys.setprofile(_note)
_writer = threading.Thread(target=_write, daemon=True)
_writer.start()
