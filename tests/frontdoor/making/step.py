"""A build step for tests of `child`: its order says which fate it meets (`python -m tests.frontdoor.making.step`)."""

from __future__ import annotations

import os
import signal
import socket
import sys
from typing import Literal

import msgspec

from lsrv.errors import ConvertError
from lsrv.frontdoor.making.child import StepReport, child_main

Fate = Literal["well", "refuse", "crash", "raise", "wait", "call", "look"]


class StepOrder(msgspec.Struct, frozen=True):
    fate: Fate


def work(order: StepOrder, report: StepReport) -> None:
    report.progress(os.getpid(), 0)
    match order.fate:
        case "well":
            report.progress(10, 10)
        case "refuse":
            raise ConvertError("no such architecture", param="model_id", arch="mamba9")
        case "crash":
            print("last words", file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGSEGV)
        case "raise":
            raise RuntimeError("a bug of ours")
        case "wait":
            signal.pause()
        case "call":
            socket.create_connection(("127.0.0.1", 9))
        case "look":
            seen = sorted(name for name, value in os.environ.items() if value == "secret")
            raise ConvertError(f"{seen} {sys.path[0]} {os.environ['GGML_NO_BACKTRACE']}")


if __name__ == "__main__":
    child_main(StepOrder, work)
