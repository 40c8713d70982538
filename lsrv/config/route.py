"""One [[routes]] entry: a virtual model, whose requests go to others."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from lsrv.config.table import Name, Strings, Table, as_tuple, checked


class WeightedModel(Table):
    """One target of a route's split."""

    model: str = Field(description="An entry, by any of its names, or one of its adapters.")
    weight: float = Field(default=1.0, gt=0, lt=float("inf"), description="Its share beside those of the others.")


def _no_one(split: tuple[WeightedModel, ...]) -> str | None:
    return None if split else "is empty; name at least one model"


class RouteSettings(Table):
    """A virtual model: requests to it go to others."""

    model_id: Name = Field(description="What clients ask for.")
    split: Annotated[tuple[WeightedModel, ...], BeforeValidator(as_tuple), AfterValidator(checked(_no_one))] = Field(
        description="Who answers; requests of one user or session go to the same one."
    )
    shadow: Strings = Field(
        default=(), description="Who gets a copy of answered requests while the machine is idle; it is only measured."
    )
    shadow_share: float = Field(default=1.0, gt=0, le=1, description="The part of requests that is copied, by chance.")
    shadow_upstreams: bool = Field(
        default=False,
        description="Whether shadow may name upstreams: every copy leaves this machine, and may cost money.",
    )
    fallback: Strings = Field(
        default=(), description="Who is asked next, in this order, if that one fails, is overloaded or has no room."
    )
