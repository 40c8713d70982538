"""The canonical id of an entry, told from the names that clients use. Only settings and `registry.names` give one."""

from __future__ import annotations

from typing import NewType

ModelId = NewType("ModelId", str)
