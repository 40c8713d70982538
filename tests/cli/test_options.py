"""Which server a command asks when nobody names one."""

from __future__ import annotations

from pathlib import Path

import pytest
import rich_click as click
from click.testing import CliRunner

from lsrv.cli.options import server_options


@click.command()
@server_options
def tell(url: str, api_key: str | None) -> None:
    click.echo(url)


@pytest.mark.parametrize(
    ("config", "environ", "url"),
    [
        ("", {}, "http://127.0.0.1:1234"),
        ("[server]\nport = 4321\n", {}, "http://127.0.0.1:4321"),
        ("[server]\nport = 4321\n", {"LSRV_PORT": "5555"}, "http://127.0.0.1:5555"),
        ("[server]\nhost = '::'\napi_keys = ['k']\n", {}, "http://[::1]:1234"),
        ("[server]\nhost = '0.0.0.0'\nport = 9\n", {}, "http://127.0.0.1:9"),
        ("[server]\nport = 4321\n", {"LSRV_URL": "http://far:1"}, "http://far:1"),
        ("nonsense", {}, "http://127.0.0.1:1234"),
    ],
)
def test_a_command_asks_where_this_folders_config_lets_a_server_listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, config: str, environ: dict[str, str], url: str
) -> None:
    for name in ("LSRV_URL", "LSRV_PORT", "LSRV_HOST"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    Path("models.toml").write_text(config + "\n[[models]]\nmodel_id = 'lsrv-demo'\n")
    told = CliRunner().invoke(tell, [], catch_exceptions=False)
    assert told.output.strip() == url
