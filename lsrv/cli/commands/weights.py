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
    from lsrv.frontdoor.finding.other_programs import FoundWeights
    from lsrv.frontdoor.store.store import StoredWeights

_MADE_HEADER = ["KEY", "NAME", "QUANT", "SIZE", "MADE", "ORIGIN"]
_FOUND_HEADER = ["MODEL", "QUANT", "SIZE", "IN", "PATH"]


@click.command(name="list")
@click.option("--found", is_flag=True, help="Also what the Hub cache, Ollama, LM Studio and llama.cpp have here.")
@json_option
def list_weights(found: bool, as_json: bool) -> None:
    """List the weights that lsrv made: where they come from, their size and quantization."""
    from lsrv.cli.display.table import columns
    from lsrv.frontdoor.finding.other_programs import find_on_disk
    from lsrv.frontdoor.store.store import Store

    made = Store().entries()
    others = find_on_disk() if found else []
    if as_json:
        answer = {"made": [_made_json(each) for each in made]}
        say(json.dumps(answer | ({"found": [_found_json(each) for each in others]} if found else {}), indent=2))
        return
    say(columns(_MADE_HEADER, [_made_row(each) for each in made]) if made else "lsrv has made no weights yet")
    if found:
        table = columns(_FOUND_HEADER, [_found_row(each) for each in others])
        say("\n" + (table if others else "no weights of other programs were found"))
    elif not made:
        say("`lsrv list --found` shows those of other programs", err=True)


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


def _found_row(found: FoundWeights) -> list[str]:
    from lsrv.units import size

    return [found.model_id, found.quantization, size(found.size_bytes), found.program, str(found.path)]


def _found_json(found: FoundWeights) -> dict[str, object]:
    return {
        "model_id": found.model_id,
        "program": found.program,
        "path": str(found.path),
        "shards": [str(shard) for shard in found.shards],
        "size_bytes": found.size_bytes,
        "quantization": found.quantization,
    }
