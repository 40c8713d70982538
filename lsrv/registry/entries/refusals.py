"""The words with which an entry turns a request away, or ends one. Pure."""

from __future__ import annotations

import math

import msgspec

from lsrv.errors import (
    AbortedError,
    DrainingError,
    ErrorInfo,
    ModelDisabledError,
    ModelNotFoundError,
    NothingToLoadError,
    QueueFullError,
)

_RESTART_S = 10  # about the time a service manager takes to start us again


def disabled(listed_id: str) -> ErrorInfo:
    """The entry is switched off."""
    return ModelDisabledError(
        f"model '{listed_id}' is not ready (status: disabled): it is disabled; "
        f"`lsrv enable {listed_id}` or POST /v1/models/enable lets it serve again"
    ).info()


def draining() -> ErrorInfo:
    """The refusal of a server that is stopping."""
    text = "the server is stopping; try again when it is back"
    return DrainingError(text, retry_after_s=_RESTART_S).info()


def removed(listed_id: str) -> ErrorInfo:
    """The entry is in the settings no longer."""
    return ModelNotFoundError(f"model '{listed_id}' was removed from the settings", param="model").info()


def nothing_to_load(listed_id: str) -> ErrorInfo:
    """The entry is answered elsewhere, and was asked for what only models of this machine can do."""
    return NothingToLoadError(
        f"model '{listed_id}' is answered by another server, and nothing of it is on this machine: there is nothing "
        "to load, unload, fetch or measure",
        param="model",
    ).info()


def outlasted(what: str) -> ErrorInfo:
    """The model went while the request ran; `what` happened to it."""
    return AbortedError(f"the model was {what}, and this request outlasted drain_timeout").info()


def queue_full(listed_id: str, n_running: int, n_waiting: int, retry_after_s: int) -> ErrorInfo:
    return QueueFullError(
        f"model '{listed_id}' has {n_running} running and {n_waiting} waiting requests, "
        f"which is all its queue takes; try again in {retry_after_s} s or raise `queue`",
        retry_after_s=retry_after_s,
    ).info()


def not_before(error: ErrorInfo, wait_s: float) -> ErrorInfo:
    """Why the last load failed, with when the next one will be tried."""
    return msgspec.structs.replace(error, fields=error.fields | {"retry_after_s": max(1, math.ceil(wait_s))})
