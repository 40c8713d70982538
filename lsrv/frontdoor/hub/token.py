"""Which token the Hub is asked with, and where a new one is kept. The token itself is never logged or shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from lsrv.errors import ConfigError, FetchError
from lsrv.home import expanded

FindToken = Callable[[], str | None]


def find_token(token_source: str) -> str | None:
    """What `[global] token_source` names: "cache", "none", "env:VAR", "path:FILE" or "literal:TOKEN". None: no token.

    "cache" is what huggingface_hub itself would use (HF_TOKEN, then the file that `lsrv login` writes).
    Raises ConfigError if a variable or file that is named is not there.
    """
    kind, _, rest = token_source.partition(":")
    if kind == "none":
        return None
    if kind == "literal":
        return rest
    if kind == "env":
        if rest not in os.environ:
            raise ConfigError(f'token_source = "env:{rest}": {rest} is not set; set it, or write "cache"')
        return os.environ[rest].strip() or None
    if kind == "path":
        return _read(expanded(rest), token_source)
    return default_token()


def log_in(token: str) -> Path:
    """Ask the Hub whose token it is and keep it where all Hugging Face tools look; the file. Raises FetchError."""
    from huggingface_hub import constants, login

    from lsrv.frontdoor.hub.failures import HubSubject, translated

    with translated(HubSubject(constants.ENDPOINT, has_token=True)):
        try:
            login(token=token)
        except ValueError as error:
            raise FetchError(f"{error}; make a token of your own at {constants.ENDPOINT}/settings/tokens") from None
    return Path(constants.HF_TOKEN_PATH)


def _read(path: Path, token_source: str) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f'token_source = "{token_source}": {error}; mend the path, or write "cache"') from None


def default_token() -> str | None:
    """What huggingface_hub itself would use. Raises ConfigError if it is there and can't be read."""
    from huggingface_hub import get_token

    try:
        return get_token()
    except OSError as error:
        raise ConfigError(f'the token can\'t be read: {error}; mend the file, or set token_source = "none"') from None
