"""`python -m lsrv.frontdoor.making.quantize FD`: quantizes one GGUF and ends. Started by `run.quantize`."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Generator
from pathlib import Path

from lsrv.errors import QuantizeError
from lsrv.frontdoor.making.child import StepReport, child_main
from lsrv.frontdoor.making.quantize.order import QuantizeOrder
from lsrv.frontdoor.store.space import require_space

_LOOK_EVERY_S = 0.2
_FULL_BYTES = 1 << 20


def work(order: QuantizeOrder, report: StepReport) -> None:
    """Plan by a dry run, refuse what can't end well, then do it. Raises QuantizeError."""
    # Imported after the process is set up: llama.cpp reads its environment while it loads.
    from lsrv.frontdoor.making.quantize.imatrix_values import read_imatrix
    from lsrv.frontdoor.making.quantize.llama import Llama

    llama = Llama()
    plan = llama.plan(order)
    imatrix = read_imatrix(Path(order.imatrix)) if order.imatrix is not None else None
    if imatrix is None and plan.needs_imatrix:
        raise QuantizeError(
            f"{order.quantization} needs an importance matrix, and none was found: name one (imatrix = PATH, --imatrix "
            "PATH; publishers of GGUFs put it beside them), or take a quantization of 3 bits or more, such as Q3_K_M"
        )
    if imatrix is not None and not plan.tensor_names & imatrix.keys():
        raise QuantizeError(
            f"{order.imatrix}: is of another model, none of its names is in {order.source}; leave it out"
        )
    target = Path(order.target)
    require_space(target.parent, plan.n_bytes, f"{order.quantization} of {Path(order.source).name}", QuantizeError)
    with _watched(target, plan.n_bytes, report):
        try:
            llama.run(order, imatrix)
        except QuantizeError as error:
            _explain_full_disk(error, target, plan.n_bytes)
            raise


@contextlib.contextmanager
def _watched(target: Path, n_bytes_total: int, report: StepReport) -> Generator[None, None, None]:
    """Report how much of `target` is written for as long as the block runs."""
    has_ended = threading.Event()

    def watch() -> None:
        while not has_ended.wait(_LOOK_EVERY_S):
            with contextlib.suppress(FileNotFoundError):
                report.progress(min(target.stat().st_size, n_bytes_total), n_bytes_total)

    watcher = threading.Thread(target=watch, name="progress")
    watcher.start()
    try:
        yield
    finally:
        has_ended.set()
        watcher.join()
    report.progress(n_bytes_total, n_bytes_total)


def _explain_full_disk(error: QuantizeError, target: Path, n_bytes: int) -> None:
    """llama.cpp only knows that a write failed ("basic_ios::clear: iostream error")."""
    n_bytes_free = shutil.disk_usage(target.parent).free
    if "iostream" in error.message and n_bytes_free < _FULL_BYTES:
        n_bytes_written = target.stat().st_size
        raise QuantizeError(
            f"the disk of {target.parent} filled up after {n_bytes_written:,} of about {n_bytes:,} bytes; free "
            f"{n_bytes - n_bytes_written:,} more and try again",
            n_bytes_needed=n_bytes - n_bytes_written,
            n_bytes_free=n_bytes_free,
        ) from None


child_main(QuantizeOrder, work)
