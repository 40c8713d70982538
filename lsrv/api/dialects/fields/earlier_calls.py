"""Calls of tools that stand in a chat's history: whether they are calls at all. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from lsrv.api.http.body import check_plain
from lsrv.errors import RequestError


def check_calls(calls: Sequence[dict[str, object]], param: str) -> None:
    """Raises RequestError that names the place of what templates could make nothing of."""
    check_plain(calls, param)
    for i, call in enumerate(calls):
        check_function(call.get("function"), f"{param}[{i}].function")


def check_function(function: object, param: str) -> None:
    """The same for what is called: its name is a text, its arguments are a JSON text or an object."""
    check_plain(function, param)
    if not isinstance(function, dict):
        raise RequestError(f"{param} must be an object, with name and arguments.", param=param)
    fields = cast("dict[str, object]", function)
    name, arguments = fields.get("name"), fields.get("arguments")
    if not isinstance(name, str) or not name:
        raise RequestError(f"{param}.name is missing: it says which tool was called.", param=f"{param}.name")
    if not isinstance(arguments, str | dict | None):
        raise RequestError(f"{param}.arguments must be a JSON text, or an object.", param=f"{param}.arguments")
