"""Configs in a folder of their own."""

from collections.abc import Callable
from pathlib import Path

import pytest

from lsrv.config import LoadedSettings, load_settings
from lsrv.errors import ConfigError

Load = Callable[..., LoadedSettings]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Load the given text as models.toml (or `name`) from an empty folder, with no environment but `environ`."""
    monkeypatch.chdir(tmp_path)

    def load_text(text: str, name: str = "models.toml", environ: dict[str, str] | None = None, **options: object):
        Path(name).write_text(text)
        return load_settings(Path(name), environ=environ or {}, **options)

    return load_text


@pytest.fixture
def error_of(load: Load) -> Callable[..., str]:
    """The message of the ConfigError that the given text ends in."""

    def message(*args: object, **options: object) -> str:
        with pytest.raises(ConfigError) as caught:
            load(*args, **options)
        return caught.value.message

    return message
