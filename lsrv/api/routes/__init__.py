"""Handlers: one file per family of routes, which ends with its ROUTES. Thin: parse with a dialect, ask, write with the
dialect. A route is added in its file; a family here.
"""

from lsrv.api.routes import (
    adapters,
    admin,
    anthropic,
    cache,
    conversations,
    docs,
    found,
    generating,
    health,
    llamaserver,
    mcp,
    models,
    ollama,
    ollama_models,
    page,
    prompts,
    pull,
    responses,
    sounds_and_images,
    virtual_models,
)
from lsrv.api.routing.route import Route

ROUTES: tuple[Route, ...] = (
    *generating.ROUTES,
    *models.ROUTES,
    *responses.ROUTES,
    *conversations.ROUTES,
    *sounds_and_images.ROUTES,
    *virtual_models.ROUTES,
    *cache.ROUTES,
    *anthropic.ROUTES,
    *prompts.ROUTES,
    *llamaserver.ROUTES,
    *ollama.ROUTES,
    *ollama_models.ROUTES,
    *pull.ROUTES,
    *adapters.ROUTES,
    *admin.ROUTES,
    *found.ROUTES,
    *mcp.ROUTES,
    *health.ROUTES,
    *page.ROUTES,
    *docs.ROUTES,
)
