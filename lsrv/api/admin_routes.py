"""Handlers of `/admin/*`: what an operator asks of a running server."""

from __future__ import annotations

import msgspec
from litestar import Response, post

from lsrv.api.handlers import json_response
from lsrv.api.reloading import reload_settings
from lsrv.api.state import ServerState

_encode = msgspec.json.Encoder().encode


@post("/admin/reload", status_code=200)
async def reload_config(server: ServerState) -> Response[bytes]:
    return json_response(_encode(await reload_settings(server)))


ADMIN_HANDLERS = [reload_config]
