"""`lsrv list`: the weights that lsrv made, and those that other programs have here."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import rich_click as click

from lsrv.cli.display.say import say
from lsrv.cli.options import json_option

if TYPE_CHECKING:
    from lsrv.frontdoor.store.store import StoredWeights
    from lsrv.registry.discovery import FoundModel

_MADE_HEADER = ["KEY", "NAME", "QUANT", "SIZE", "MADE", "ORIGIN"]
_FOUND_HEADER = ["MODEL", "QUANT", "SIZE", "SERVED", "IN", "PATH"]


@click.command(name="list")
@click.option("--found", is_flag=True, hidden=True, help="What is always shown now.")
@json_option
def list_weights(found: bool, as_json: bool) -> None:
    """List the models on this disk that can be served, and what lsrv made of others.

    SERVED is their name in the config of this folder, or what `lsrv` alone serves where there is none.
    Such as `lsrv list --json`.
    """
    from lsrv.cli.display.table import columns
    from lsrv.frontdoor.store.store import Store

    del found
    made, here = Store().entries(), _here()
    if as_json:
        answer = {"made": [_made_json(each) for each in made], "found": [_found_json(each) for each in here]}
        say(json.dumps(answer, indent=2))
        return
    nothing = "no models of other programs on this disk; get one: lsrv pull Qwen/Qwen3-4B-GGUF --quant 4"
    say(columns(_FOUND_HEADER, [_found_row(each) for each in here]) if here else nothing)
    if made:
        say("\nMade here:\n" + columns(_MADE_HEADER, [_made_row(each) for each in made]))


def _here() -> list[FoundModel]:
    """What is found on this disk, as a server that were started here would see it. Raises ConfigError."""
    from lsrv.config import find_config, load_settings, settings_for_models
    from lsrv.demo import CONFIG_PATH
    from lsrv.registry.discovery import Discovery

    source = find_config()
    everything = {"server": {"discover": True}}
    loaded = settings_for_models([], overrides=everything) if source == CONFIG_PATH else load_settings(source)
    return Discovery(loaded.settings).everything()


def composition(quantization: str, tensor_bytes: Mapping[str, int]) -> str:
    """What a file really is made of: "Q4_K_M: Q4_K 72 %, Q6_K 28 %", and why, if that is not what its name says."""
    from lsrv.frontdoor.making.quantize import fallback_share

    n_bytes = max(sum(tensor_bytes.values()), 1)
    parts = ", ".join(f"{name} {100 * each / n_bytes:.0f} %" for name, each in tensor_bytes.items())
    share = fallback_share(quantization, tensor_bytes)
    why = f" ({100 * share:.0f} % could not be, as rows don't divide by 256)" if share >= 0.005 else ""
    return f"{quantization}: {parts}{why}"


def _made_row(stored: StoredWeights) -> list[str]:
    from lsrv.frontdoor.making.quantize import fallback_share
    from lsrv.units import size

    share = fallback_share(stored.quantization, stored.tensor_bytes)
    quantization = f"{stored.quantization} ({100 * (1 - share):.0f} %)" if share >= 0.005 else stored.quantization
    day = time.strftime("%Y-%m-%d", time.localtime(stored.created))
    return [stored.key, stored.path.name, quantization, size(stored.size_bytes), day, stored.origin]


def _made_json(stored: StoredWeights) -> dict[str, object]:
    import msgspec

    return msgspec.to_builtins(stored, enc_hook=str)  # of the path


def _found_row(found: FoundModel) -> list[str]:
    from lsrv.printable import printable
    from lsrv.units import size

    weights, served = found.weights, found.served_as or "no"
    row = [
        found.names[0],
        weights.quantization,
        size(weights.size_bytes),
        "yes" if served == found.names[0] else served,
    ]
    return [printable(cell) for cell in (*row, weights.program, str(weights.path))]


def _found_json(found: FoundModel) -> dict[str, object]:
    weights = found.weights
    return {
        "name": found.names[0],
        "model_id": weights.model_id,
        "program": weights.program,
        "path": str(weights.path),
        "shards": [str(shard) for shard in weights.shards],
        "size_bytes": weights.size_bytes,
        "quantization": weights.quantization,
        "kind": weights.kind,
        "served_as": found.served_as,
    }
