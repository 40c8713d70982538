"""OpenAI's routes for sounds and images alone: nothing here transcribes, speaks or draws, and clients are told so."""

from __future__ import annotations

from litestar import Response

from lsrv.api.routing.handler import ApiRequest
from lsrv.api.routing.route import Route
from lsrv.api.state import ServerState
from lsrv.errors import UnsupportedCapabilityError


async def refuse(request: ApiRequest, _server: ServerState) -> Response[bytes]:
    path = request.scope["path"]
    raise UnsupportedCapabilityError(
        f"{path}: no model of this server transcribes, speaks or draws. Models that see or hear take pictures and "
        "sounds as parts of a message to /v1/chat/completions; for anything else ask a server that has it."
    )


def _refused(path: str, what: str) -> Route:
    return Route("POST", path, refuse, f"{what}: nothing here can; 400 capability_not_supported", takes_any_type=True)


ROUTES = (
    _refused("/v1/audio/transcriptions", "Write down what is said"),
    _refused("/v1/audio/translations", "Say in English what is said"),
    _refused("/v1/audio/speech", "Speak a text"),
    _refused("/v1/images/generations", "Draw an image"),
    _refused("/v1/images/edits", "Change an image"),
    _refused("/v1/images/variations", "Draw an image again"),
)
