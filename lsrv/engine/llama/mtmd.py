"""The binding of libmtmd, which loads a library more: imported with the first projector only."""

from __future__ import annotations

from typing import Any

from llama_cpp import mtmd_cpp

mtmd: Any = mtmd_cpp
