"""What TAB offers for a name: files, models of the config of this folder, models of the server that runs.

Light on purpose: somebody waits for every TAB. Names are picked from models.toml without reading it as TOML,
and a server has a fifth of a second.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

import rich_click as click
from click.shell_completion import CompletionItem

_ASK_S = 0.2
_OWN_HOST, _DEFAULT_PORT = "127.0.0.1", 1234
_NAMES = re.compile(r"^[ \t]*(?:alias|model_id)[ \t]*=(.*)$", re.MULTILINE)
_PORT = re.compile(r"^[ \t]*port[ \t]*=[ \t]*(\d+)", re.MULTILINE)
_QUOTED = re.compile(r"""["']([^"']+)["']""")


def served_name(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names that a running server lists, else those of ./models.toml."""
    del parameter
    config = _config()
    names = _listed(_address(context, config)) or _configured(config)
    return [CompletionItem(name) for name in dict.fromkeys(names) if name.startswith(incomplete)]


def model_or_file(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Paths, as the shell completes them; OWNER/NAME is typed."""
    del context, parameter
    return [CompletionItem(incomplete, type="file")]


def _config() -> str:
    """What ./models.toml says; nothing where there is none: TAB says nothing of errors."""
    with contextlib.suppress(OSError, ValueError):
        return Path("models.toml").read_text(encoding="utf-8")
    return ""


def _configured(config: str) -> list[str]:
    return [name for line in _NAMES.findall(config) for name in _QUOTED.findall(line)]


def _address(context: click.Context, config: str) -> tuple[str, int]:
    """Where the command on the line would ask: --url, LSRV_URL, LSRV_PORT, ./models.toml."""
    url = context.params.get("url") or os.environ.get("LSRV_URL")
    port = os.environ.get("LSRV_PORT") or next(iter(_PORT.findall(config)), _DEFAULT_PORT)
    with contextlib.suppress(ValueError):
        if isinstance(url, str):
            parts = urlsplit(url if "://" in url else f"http://{url}")
            return parts.hostname or _OWN_HOST, parts.port or 80
        return _OWN_HOST, int(port)
    return _OWN_HOST, _DEFAULT_PORT


def _listed(address: tuple[str, int]) -> list[str]:
    """What the server at `address` lists; nothing if none answers at once, or it wants a key that is not there."""
    key = os.environ.get("LSRV_API_KEY")
    connection = HTTPConnection(*address, timeout=_ASK_S)
    try:
        connection.request("GET", "/v1/models", headers={"authorization": f"Bearer {key}"} if key else {})
        answer: object = json.loads(connection.getresponse().read())
        models: object = answer.get("data") if isinstance(answer, dict) else None
        return [str(each["id"]) for each in models if "status" in each] if isinstance(models, list) else []
    except (OSError, HTTPException, ValueError, TypeError, KeyError):
        return []
    finally:
        connection.close()
