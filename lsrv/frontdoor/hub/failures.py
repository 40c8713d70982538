"""What the Hub refused, in words that say what to do. Foreign errors become ours here and nowhere else.

Imports huggingface_hub (a quarter of a second): import this module only where the network is about to be used.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from huggingface_hub import errors as hub_errors
from huggingface_hub.utils import httpx, parse_ratelimit_headers

from lsrv.echo import echo
from lsrv.errors import FetchError, LsrvError, WeightsNotFoundError
from lsrv.frontdoor.hub.patience import PassingError
from lsrv.frontdoor.hub.repo import BadAnswerError

_PASSING = {408, 425, 429, 500, 502, 503, 504}


@dataclass(frozen=True)
class HubSubject:
    """What a request was about, for messages."""

    endpoint: str
    has_token: bool
    repo_id: str = ""
    revision: str = "main"
    file_name: str = ""

    @property
    def page(self) -> str:
        return f"{self.endpoint}/{self.repo_id}"


@contextmanager
def translated(subject: HubSubject) -> Generator[None]:
    """Whatever huggingface_hub and its HTTP client raise inside leaves as FetchError or WeightsNotFoundError."""
    try:
        yield
    except hub_errors.OfflineModeIsEnabled:
        raise offline(subject) from None
    except hub_errors.HfHubHTTPError as error:
        raise refused(error, subject) from None  # its text holds the address, and a signed one opens doors
    except httpx.HTTPError as error:
        raise _unreachable(error, subject) from None
    except httpx.InvalidURL as error:
        raise FetchError(f"{subject.endpoint} is no address ({error}); mend HF_ENDPOINT") from None
    except BadAnswerError as error:
        raise FetchError(
            f"{subject.endpoint} answers like no Hugging Face Hub: {error}; mend HF_ENDPOINT, or the proxy in between"
        ) from None


def offline(subject: HubSubject) -> FetchError:
    wanted = f'"{subject.repo_id}"' if subject.repo_id else "the Hub"
    return FetchError(
        f"{wanted} is needed from {subject.endpoint}, but lsrv is told to stay offline; "
        "allow the network ([global] offline = false, HF_HUB_OFFLINE unset), or fetch the weights on another machine"
    )


def refused(error: hub_errors.HfHubHTTPError, subject: HubSubject) -> LsrvError:
    """An answer of the Hub that isn't the thing asked for."""
    match error:
        case hub_errors.GatedRepoError():
            return _gated(subject)
        case hub_errors.RepositoryNotFoundError():
            return _no_repo(subject)
        case hub_errors.RevisionNotFoundError():
            return WeightsNotFoundError(
                f'{subject.page} has no revision "{subject.revision}"; mend revision, or remove it for "main"'
            )
        case hub_errors.RemoteEntryNotFoundError():
            return WeightsNotFoundError(f'{subject.page} at "{subject.revision}" has no file "{subject.file_name}"')
        case hub_errors.DisabledRepoError():
            return FetchError(f"{subject.page} was disabled by the Hub or its owner; choose another repository")
        case _:
            return _by_status(error, subject)


def _gated(subject: HubSubject) -> FetchError:
    if subject.has_token:
        return FetchError(
            f"{subject.page} is gated, and your token's account is not on its list (yet); "
            "open that page, accept its terms, wait until access is granted, and ask again"
        )
    return FetchError(
        f"{subject.page} is gated: open that page and accept its terms, make a token that may read at "
        f"{subject.endpoint}/settings/tokens, run `lsrv login`, and ask again"
    )


def _no_repo(subject: HubSubject) -> WeightsNotFoundError:
    mend = "or your token may not read it" if subject.has_token else "or is private (then run `lsrv login`)"
    return WeightsNotFoundError(f"{subject.page} does not exist, {mend}; check the spelling of OWNER/NAME")


def _by_status(error: hub_errors.HfHubHTTPError, subject: HubSubject) -> FetchError:
    response = error.response
    status = response.status_code
    host = response.request.url.host
    if status == 401:
        return FetchError(
            f"{subject.endpoint} does not accept the token; run `lsrv login` with a new one from "
            f"{subject.endpoint}/settings/tokens (HF_TOKEN, where set, goes before the one kept on disk)"
        )
    said = echo(error.server_message or response.reason_phrase)
    if status == 403:
        return FetchError(
            f"{host} refuses {subject.file_name or subject.page}: {said}; a fine-grained token needs the permission "
            f"to read it ({subject.endpoint}/settings/tokens)"
        )
    if status == 429:
        return PassingError(
            f"{host} asks for fewer requests (429); wait, or run `lsrv login`: accounts may ask more often",
            _retry_after_s(response),
        )
    text = f"{host} answered {status} ({said}) for {subject.file_name or subject.page}"
    if status in _PASSING:
        return PassingError(f"{text}; try again later, what was downloaded is kept", _retry_after_s(response))
    return FetchError(f"{text}; this is nothing lsrv can mend: check HF_ENDPOINT and the proxy, or report it")


def _retry_after_s(response: httpx.Response) -> float | None:
    """Seconds from Retry-After, or from the Hub's own ratelimit header once nothing remains; None: not said."""
    asked = response.headers.get("retry-after", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        limit = parse_ratelimit_headers(response.headers)
    except ValueError:  # numbers of more digits than Python reads
        return None
    return float(limit.reset_in_seconds) if limit is not None and limit.remaining == 0 else None


def _unreachable(error: Exception, subject: HubSubject) -> FetchError:
    why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if isinstance(error, httpx.UnsupportedProtocol | httpx.TooManyRedirects):
        return FetchError(f"{subject.endpoint}: {why}; mend HF_ENDPOINT")
    return PassingError(
        f"{subject.endpoint} can't be reached or broke off ({why}); check the connection, HTTPS_PROXY and HF_ENDPOINT, "
        "and ask again: what was downloaded is kept"
    )
