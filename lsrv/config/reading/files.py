"""Reading one config file into a layer, and where config files are."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path

from lsrv.config.advice.slips import json_slip, toml_slip
from lsrv.config.layer import ConfigPlace, KeyPath, Layer
from lsrv.config.mistralrs import json_form
from lsrv.config.mistralrs.foreign import Adapted, adapt
from lsrv.config.models_yaml.forms import convert_yaml
from lsrv.config.problems import Problem
from lsrv.config.reading import json_lines, toml_lines, yaml_text
from lsrv.config.reading.contents import SUFFIXES, Language, language_of
from lsrv.demo import CONFIG_PATH as DEMO_PATH
from lsrv.errors import ConfigError

FILE_NAME = "models.toml"
LOCAL_FILE_NAME = "models.local.toml"
_LOCAL_FILE_NAMES = ("models.local.yml", "models.local.yaml", LOCAL_FILE_NAME)  # the later over the earlier
_YAML_FILE_NAMES = ("models.yaml", "models.yml")
_BYTES_MAX = 4 * 1024 * 1024


def find_config() -> Path:
    """./models.toml, else the one in the user's config folder, else the built-in demo."""
    import platformdirs

    here = Path(FILE_NAME)
    of_user = platformdirs.user_config_path("lsrv") / FILE_NAME
    return next((path for path in (here, of_user) if _is_there(path)), DEMO_PATH)


def find_locals(path: Path) -> list[Path]:
    """The overlays beside `path` (models.local.toml, or .yaml), the lowest first. None is beside the built-in demo."""
    if not path.name:  # "." and "/": folders, which whoever reads them is told
        return []
    beside = [path.with_name(name) for name in _LOCAL_FILE_NAMES]
    return [local for local in beside if path != DEMO_PATH and local != path and _is_there(local)]


def passed_over(path: Path) -> list[str]:
    """A warning for each models.yaml of the current folder that is not read though somebody may think so.

    `path` was found, and not named: a models.yaml is read where it is named only.
    """
    there = [name for name in _YAML_FILE_NAMES if _is_there(Path(name)) and Path(name) != path]
    return [f"{name}: is not read; name it with -f {name}, or as [server] catalog" for name in there]


def _is_there(path: Path) -> bool:
    """Whether there is a file, be it one that can't be read: whoever reads it is told why."""
    try:
        return path.is_file()
    except OSError:
        return True


def unreadable(path: Path) -> str:
    """What is wrong with a file that a config names; "" if it can be read."""
    try:
        if not path.is_file():
            return f"{path}: no such file"
        with path.open("rb"):
            return ""
    except OSError as error:
        return f"{path}: can't be read ({error.strerror})"


def read_file(path: Path) -> Adapted:
    """The layer that `path` is. Raises ConfigError if it can't be read at all."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES and not _is_folder(path):  # of a folder its text says so
        raise ConfigError(f'{path}: "{path.suffix}" is no kind of config; write a .toml file (or a .yaml, or a .json)')
    text = _read_text(path)
    named, language = SUFFIXES[suffix], language_of(text, suffix)
    if language == named:
        return _READERS[named](path, text)
    try:
        read = _READERS[language](path, text)
    except ConfigError:
        return _READERS[named](path, text)  # it only begins so: what is wrong is told as of what it should be
    told = f"{path}: is {language} by what it holds, and read as such; a name with .{language.lower()} would say so"
    return Adapted(read.layer, [told, *read.warnings], read.problems)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return False


def _read_text(path: Path) -> str:
    try:
        if path.exists() and not path.is_file() and not path.is_dir():
            raise ConfigError(f"{path}: is no regular file; a pipe or a device can't be read again")
        if path.is_file() and path.stat().st_size > _BYTES_MAX:
            raise ConfigError(f"{path}: longer than {_BYTES_MAX} bytes; this can't be a config")
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; name one with -f FILE, or run `lsrv serve -m MODEL`") from None
    except IsADirectoryError:
        raise ConfigError(f"{path}: is a folder; name the file in it, such as {path / FILE_NAME}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror}); check its permissions") from None


def _read_toml(path: Path, text: str) -> Adapted:
    text = text.replace("\r\n", "\n")
    try:
        raw = tomllib.loads(text)
        lines = toml_lines.find_lines(text)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(path, text, str(error)) from None
    except RecursionError:
        raise _too_deep(path) from None
    return adapt(Layer(raw, _origin(path), _places(path, lines)))


def _read_json(path: Path, text: str) -> Adapted:
    try:
        value = json.loads(text)
        lines, twice = json_lines.find_lines(text)
    except json.JSONDecodeError as error:
        raise _syntax_error(path, text, "JSON", error.lineno, error.colno, error.msg) from None
    except RecursionError:
        raise _too_deep(path) from None
    places = _places(path, lines)
    converted = json_form.convert(value, _origin(path), places)
    return _adapted(converted.layer, converted.warnings, [*converted.problems, *_repeated(places, twice)])


def _read_yaml(path: Path, text: str) -> Adapted:
    try:
        value, lines, twice = yaml_text.read_yaml(text)
    except yaml_text.YamlError as error:
        raise _syntax_error(path, text, "YAML", error.line, error.column, str(error)) from None
    except RecursionError:
        raise _too_deep(path) from None
    places = _places(path, lines)
    converted = convert_yaml(value, _origin(path), places, is_overlay=path.name in _LOCAL_FILE_NAMES)
    return _adapted(converted.layer, converted.warnings, [*converted.problems, *_repeated(places, twice)])


_READERS: dict[Language, Callable[[Path, str], Adapted]] = {
    "TOML": _read_toml,
    "JSON": _read_json,
    "YAML": _read_yaml,
}


def _adapted(layer: Layer, warnings: list[str], problems: list[Problem]) -> Adapted:
    adapted = adapt(layer)
    return Adapted(adapted.layer, warnings + adapted.warnings, problems + adapted.problems)


def _repeated(places: dict[KeyPath, ConfigPlace], twice: list[KeyPath]) -> list[Problem]:
    return [
        Problem(places[key], ".".join(map(str, key)), "written twice in its table or object; keep one") for key in twice
    ]


def _too_deep(path: Path) -> ConfigError:
    return ConfigError(f"{path}: nested too deeply; no setting needs that")


def _origin(path: Path) -> ConfigPlace:
    return ConfigPlace(str(path), None, path.absolute().parent)


def _places(path: Path, lines: dict[KeyPath, int]) -> dict[KeyPath, ConfigPlace]:
    folder = path.absolute().parent
    return {key: ConfigPlace(str(path), line, folder) for key, line in lines.items()}


def _toml_error(path: Path, text: str, message: str) -> ConfigError:
    """tomllib says "what (at line 3, column 5)" or "what (at end of document)"."""
    what = re.sub(r" \(at [^)]*\)$", "", message)
    found = re.search(r"\(at line (\d+), column (\d+)\)$", message)
    lines = text.rstrip("\n").split("\n")
    line, column = (int(found[1]), int(found[2])) if found else (len(lines), len(lines[-1]) + 1)
    return _syntax_error(path, text, "TOML", line, column, what)


def _syntax_error(path: Path, text: str, language: Language, line: int, column: int, what: str) -> ConfigError:
    lines = text.split("\n")
    written = lines[line - 1] if line <= len(lines) else ""
    shown = written.strip()[:100]
    if any(secret in shown for secret in ("api_key", "admin_key", "token_source", "password")):
        shown = shown.split("=")[0].split(":")[0] + "= …"
    slip = {"JSON": json_slip(text, written, column), "TOML": toml_slip(written), "YAML": ""}[language]
    return ConfigError(f"{path}:{line}:{column}: not {language}: {slip or what}: `{shown}`")
