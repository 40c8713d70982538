"""What loading an offer would take, asked of its head before anything of it is fetched."""

from __future__ import annotations

from pathlib import Path

from lsrv.config import ModelSettings
from lsrv.frontdoor import GgufHeader, Weights, read_header
from lsrv.frontdoor.finding.offers import Offer
from lsrv.protocol.commands import LoadParams
from lsrv.registry.loading.params import load_params


def params_to_plan(model: ModelSettings, offer: Offer) -> tuple[GgufHeader, LoadParams]:
    """What loading `offer` with `model`'s settings would be asked for. Blocking: fetches the head of a remote file."""
    head = offer.head()
    header = read_header(head)
    return header, load_params(model, _offered(offer, head, header), None)


def _offered(offer: Offer, head: Path, header: GgufHeader) -> Weights:
    return Weights(
        path=head,
        shards=(head,),
        size_bytes=offer.size_bytes,
        quantization=offer.candidate.quantization or header.quantization,
        origin=offer.origin,
        chosen_because="to be planned",
        header=header,
    )
