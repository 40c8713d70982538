"""Handlers of `/admin/found`: the models on this disk, those that are not served among them."""

from __future__ import annotations

import msgspec
from litestar import Response

from lsrv.api.admin.discovering import found_models, serve_found
from lsrv.api.http.access import Needs
from lsrv.api.http.body import decode_body
from lsrv.api.routing.handler import ApiRequest, body_of, json_response
from lsrv.api.routing.route import Route
from lsrv.api.state import ServerState
from lsrv.registry import FoundModel


class ServeFoundBody(msgspec.Struct, kw_only=True):
    """A name or the path of what `GET /admin/found` lists."""

    model_id: str


class FoundModelBody(msgspec.Struct, frozen=True, kw_only=True):
    """`id` and `aliases`: what it is called once it is served; `served_as`: the id of its entry, None: not served."""

    id: str
    aliases: tuple[str, ...]
    path: str
    found_in: str
    kind: str
    quantization: str
    size_bytes: int
    served_as: str | None


_decoder = msgspec.json.Decoder(ServeFoundBody)
_encode = msgspec.json.Encoder().encode


async def list_found(_: ApiRequest, server: ServerState) -> Response[bytes]:
    found = await found_models(server)
    return json_response(_encode({"object": "list", "data": [_body(each) for each in found]}))


async def serve_one(request: ApiRequest, server: ServerState) -> Response[bytes]:
    body = decode_body(_decoder, await body_of(request, server))
    model = await serve_found(server, body.model_id)
    return json_response(_encode({"model_id": model.served_as or model.names[0], "status": "served"}))


def _body(model: FoundModel) -> FoundModelBody:
    weights = model.weights
    return FoundModelBody(
        id=model.names[0],
        aliases=model.names[1:],
        path=str(weights.path),
        found_in=weights.program,
        kind=weights.kind,
        quantization=weights.quantization,
        size_bytes=weights.size_bytes,
        served_as=model.served_as,
    )


ROUTES = (
    Route("GET", "/admin/found", list_found, "Models on this disk, served or not", needs=Needs.ADMIN_KEY),
    Route(
        "POST",
        "/admin/found",
        serve_one,
        "Serve one of them, for this run",
        body=ServeFoundBody,
        needs=Needs.ADMIN_KEY,
    ),
)
