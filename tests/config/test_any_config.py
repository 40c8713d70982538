"""Whatever a config says, loading ends in settings or in a ConfigError."""

import contextlib
import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lsrv.config import settings_for_models
from lsrv.config.keys import known_keys
from lsrv.config.mistralrs.foreign import IGNORED
from lsrv.errors import ConfigError

_KEYS = sorted(
    {".".join(path) for path in known_keys()} | IGNORED.keys() | {"runtime.max_seqs", "models.device.device_layers"}
)
_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 70_000)
    | st.floats()
    | st.sampled_from(["auto", "", "x", "4", "default"]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["model", "name", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
_writes = st.lists(st.tuples(st.sampled_from(_KEYS), _values), max_size=6)


def _config(writes: list[tuple[str, object]]) -> dict[str, object]:
    """A config with two entries and `writes` in it; keys of an entry go to the second one."""
    config: dict[str, object] = {"models": [{"model_id": "a"}, {"model_id": "b"}]}
    for key, value in writes:
        *tables, name = key.split(".")
        models = config["models"]
        table: object = config
        if tables and tables[0] == "models":
            table, tables = (models[1] if isinstance(models, list) and len(models) > 1 else {}), tables[1:]
        for part in tables:
            table = table.setdefault(part, {}) if isinstance(table, dict) else {}
        if isinstance(table, dict):
            table[name] = value
    return config


@given(_writes)
@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_in_a_file_end_in_settings_or_a_config_error(load, writes):
    try:
        load(json.dumps(_config(writes)), name="m.json")
    except ConfigError as error:
        assert error.message


@given(_writes)
@settings(max_examples=100, deadline=None)
def test_any_values_in_flags_end_in_settings_or_a_config_error(writes):
    config = _config([(key, value) for key, value in writes if key != "models"])
    models = config.pop("models")
    assert isinstance(models, list)
    with contextlib.suppress(ConfigError):
        settings_for_models(models, overrides=config, environ={})


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_ends_in_settings_or_a_config_error(load, text):
    for name in ("m.toml", "m.json"):
        try:
            load(text, name=name)
        except ConfigError as error:
            assert error.message
