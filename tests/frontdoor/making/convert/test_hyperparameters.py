"""Configs of transformers 4 and 5 say the same in two ways; both must give the same keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.convert.architecture import ARCHITECTURES
from lsrv.frontdoor.making.convert.config import Config
from lsrv.frontdoor.making.convert.hyperparameters import hyperparameters
from lsrv.frontdoor.making.convert.rope import Rope
from tests.frontdoor.making.convert.cases import BY_NAME


def _numbers(name: str, values: dict[str, Any]) -> Rope:
    architecture = ARCHITECTURES[BY_NAME[name].model_class]
    return hyperparameters(architecture, Config(values, architecture.defaults))


def _older(values: dict[str, Any]) -> dict[str, Any]:
    """As transformers 4 wrote it."""
    made = {key: value for key, value in values.items() if key not in ("rope_parameters", "layer_types")}
    parameters: dict[str, Any] = values["rope_parameters"]
    if "full_attention" in parameters:
        made["rope_local_base_freq"] = parameters["sliding_attention"]["rope_theta"]
        parameters = parameters["full_attention"]
    inner = {key: value for key, value in parameters.items() if key not in ("rope_theta", "partial_rotary_factor")}
    made |= {key: value for key, value in parameters.items() if key not in inner}
    return made | {"rope_scaling": None if inner.get("rope_type") == "default" else inner}


DECODERS = [name for name, case in BY_NAME.items() if not case.is_encoder]


@pytest.mark.parametrize("name", DECODERS)
def test_older_configs_give_the_same_keys(name: str) -> None:
    values = json.loads((BY_NAME[name].folder / "config.json").read_text())
    assert _numbers(name, _older(values)) == _numbers(name, values)


def test_a_gemma3_config_may_leave_out_what_transformers_knows() -> None:
    keys = _numbers("gemma3", {"hidden_size": 2560, "intermediate_size": 10240, "num_hidden_layers": 34}).keys
    assert keys["attention.head_count"] == 8
    assert keys["attention.head_count_kv"] == 4
    assert keys["attention.key_length"] == 256
    assert keys["rope.freq_base"] == 1e6
    assert keys["rope.freq_base_swa"] == 1e4
    assert keys["attention.sliding_window_pattern"] == [(index + 1) % 6 != 0 for index in range(34)]


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"rope_type": "yarn", "factor": 4.0, "beta_fast": 16}, "yarn with beta_fast = 16"),
        ({"rope_type": "yarn", "factor": 4.0, "truncate": False}, "yarn with truncate = False"),
        ({"rope_type": "yarn"}, "without a factor"),
        ({"rope_type": "linear", "factor": 0.5}, "without a factor of at least 1"),
        ({"rope_type": "longrope", "long_factor": [1.0], "short_factor": [1.0]}, "of 8 numbers each"),
        ({"rope_type": "proportional"}, "does not know the rope scaling proportional"),
        ({"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 4.0, "high_freq_factor": 4.0}, "not above 4"),
    ],
)
def test_scaling_that_llamacpp_does_not_have_is_refused(scaling: dict[str, Any], message: str) -> None:
    values = json.loads((BY_NAME["llama"].folder / "config.json").read_text())
    with pytest.raises(ConvertError, match=message):
        _numbers("llama", values | {"rope_parameters": scaling})
