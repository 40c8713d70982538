"""`python -m lsrv.frontdoor.making.convert FD`: converts one folder and ends. Started by `run.convert`."""

from __future__ import annotations

from pathlib import Path

from lsrv.frontdoor.making.child import StepReport, child_main
from lsrv.frontdoor.making.convert.conversion import write_gguf
from lsrv.frontdoor.making.convert.run import ConvertOrder


def work(order: ConvertOrder, report: StepReport) -> None:
    """Convert what the order says. Raises ConvertError."""
    write_gguf(Path(order.source), Path(order.target), order.name, report.progress)


child_main(ConvertOrder, work)
