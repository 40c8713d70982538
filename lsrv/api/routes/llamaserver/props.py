"""`GET /props`: what llama-server's clients ask of a model before they chat, and how its chats look."""

from __future__ import annotations

from litestar import Response

from lsrv.api.dialects.llamacpp import props_body, server_props_body
from lsrv.api.dialects.llamaserver.wording import LLAMA_SERVER_ERRORS, NotOfferedError
from lsrv.api.http.access import Needs
from lsrv.api.http.receive import until_disconnect
from lsrv.api.http.request_record import record_of
from lsrv.api.routing.handler import ApiRequest, json_response
from lsrv.api.routing.route import Route
from lsrv.api.state import ServerState
from lsrv.errors import RequestError
from lsrv.model_id import ModelId
from lsrv.protocol.events import Described


async def props(request: ApiRequest, server: ServerState) -> Response[bytes]:
    """A named model's, loaded unless `autoload` says no; the server's own without a name, as llama-server's router."""
    wanted = request.query_params.get("model")
    if not wanted:
        return json_response(server_props_body())
    model_id = server.registry.names.resolve(wanted)
    server.begin(record_of(request.scope), model_id)
    view = server.registry.view(model_id)
    if request.query_params.get("autoload") in ("false", "0") and view.status != "loaded":
        raise RequestError(
            f"model '{view.listed_id}' is not loaded; leave autoload=false out to load it", param="autoload"
        )
    described = await until_disconnect(request.receive, _described(server, model_id))
    return json_response(props_body(view.listed_id, described))


async def _described(server: ServerState, model_id: ModelId) -> Described:
    async with server.registry.acquire(model_id) as lease:
        return await lease.describe()


async def set_props(_: ApiRequest, _server: ServerState) -> Response[bytes]:
    raise NotOfferedError("This server does not support changing global properties: models.toml says them.")


ROUTES = (
    Route(
        "GET",
        "/props",
        props,
        "How a model's chats look: its template, what was found in it, and its settings",
        errors=LLAMA_SERVER_ERRORS,
    ),
    Route(
        "POST",
        "/props",
        set_props,
        "Changes nothing: models.toml says it",
        needs=Needs.ADMIN_KEY,
        errors=LLAMA_SERVER_ERRORS,
    ),
)
