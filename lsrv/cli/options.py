"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import rich_click as click

DEFAULT_URL = "http://127.0.0.1:1234"

_URL_HELP = (
    "A running server. Default: where the models.toml of this folder, or LSRV_HOST and LSRV_PORT, let one listen."
)
_OWN_ADDRESSES = {"localhost": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}

ClickCommand = Callable[..., Any]


def _configured_url() -> str:
    """Where a server of this folder's models.toml listens, or of what LSRV_HOST and LSRV_PORT say."""
    from lsrv.config import load_settings
    from lsrv.errors import ConfigError

    try:
        server = load_settings().settings.server
    except ConfigError:  # a wrong entry of a model is no reason not to ask a server
        return DEFAULT_URL
    host = _OWN_ADDRESSES.get(server.host, server.host)
    return f"http://[{host}]:{server.port}" if ":" in host else f"http://{host}:{server.port}"


class _GpuLayersType(click.ParamType[int | str]):
    """A number of layers, "all" or "auto"."""

    name = "N|all|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        text = str(value)
        if text in ("all", "auto"):
            return text
        if not text.isdecimal():
            self.fail(f'{text!r} is no number of layers; write one, "all" or "auto"', param, ctx)
        return int(text)


gpu_layers_type = _GpuLayersType()

# llama-server's names of our options, as people's fingers know them.
_OF_LLAMA_SERVER = {
    "ctx-size": "context",
    "n-gpu-layers": "gpu-layers",
    "parallel": "slots",
    "embeddings": "embedding",
    "hf": "model",
    "hf-repo": "model",
}


def with_words_of_llama_server() -> dict[str, Any]:
    """Settings of a command that takes llama-server's option names, too."""
    return {"token_normalize_func": _own_word}


def _own_word(word: str) -> str:
    return _OF_LLAMA_SERVER.get(word, word)


def server_options(command: ClickCommand) -> ClickCommand:
    """`--url` and `--api-key`: which running server a command talks to."""
    command = click.option(
        "--api-key", envvar="LSRV_API_KEY", show_envvar=True, help="Key of that server, if it has any."
    )(command)
    return click.option("--url", envvar="LSRV_URL", show_envvar=True, default=_configured_url, help=_URL_HELP)(command)


def json_option(command: ClickCommand) -> ClickCommand:
    """`--json`: the answer for a program."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON for a program to read.")(command)


def listen_options(command: ClickCommand) -> ClickCommand:
    """`--host` and `--port`: where a server listens; None where the config decides."""
    command = click.option("-p", "--port", type=click.IntRange(0, 65535), help="Port; 0 takes a free one.")(command)
    return click.option("--host", help="Address; 0.0.0.0 for other machines too (set api_keys).")(command)


def yes_option(command: ClickCommand) -> ClickCommand:
    """`--yes`: consent to weights of owners that nobody knows."""
    return click.option(
        "--yes", is_flag=True, help="Take GGUFs of anybody, not only of the model's owner and well-known ones."
    )(command)
