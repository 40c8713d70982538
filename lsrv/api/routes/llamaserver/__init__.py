"""Routes of llama.cpp's own server, and of its router."""

from lsrv.api.routes.llamaserver import control, native_completions, props, router, streams
from lsrv.api.routing.route import Route

ROUTES: tuple[Route, ...] = (
    *native_completions.ROUTES,
    *props.ROUTES,
    *control.ROUTES,
    *router.ROUTES,
    *streams.ROUTES,
)
