"""A drive that fails or hangs at will, for programs that a test starts (Linux, with a C compiler)."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

CAN_BE_MADE = sys.platform == "linux" and sys.maxsize > 2**32 and shutil.which("cc") is not None


class SickDisk:
    """`folder` lies on it. Programs that start with `environ` find it as `be` said last."""

    def __init__(self, place: Path) -> None:
        self.folder = place / "drive"
        self.folder.mkdir(parents=True)
        self._mode = place / "mode"
        self.be_well()
        library = place / "sick.so"
        source = Path(__file__).with_name("shim.c")
        command = ["cc", "-shared", "-fPIC", "-D_LARGEFILE64_SOURCE", "-o", str(library), str(source), "-ldl"]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        self.environ = {
            "LD_PRELOAD": str(library),
            "SICK_BELOW": str(self.folder),
            "SICK_MODE": str(self._mode),
        }

    def be_well(self) -> None:
        self._write("w")

    def fail(self) -> None:
        """Every call is an input/output error."""
        self._write("f")

    def fill(self) -> None:
        """Nothing can be written; what is there can be read."""
        self._write("l")

    def hang(self) -> None:
        """No call returns until it is well, or fails."""
        self._write("h")

    def _write(self, mode: str) -> None:
        fresh = self._mode.with_suffix(".new")
        fresh.write_text(mode)
        fresh.replace(self._mode)
