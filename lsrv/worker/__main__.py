"""`python -m lsrv.worker --fd N`: one worker, ready for one model, until its parent hangs up."""

from __future__ import annotations

import argparse
import gc
import os
import socket

from lsrv.survival import prepare_process


def main() -> None:
    parser = argparse.ArgumentParser(prog="lsrv.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="inherited descriptor of the frame socket")
    fd: int = parser.parse_args().fd
    prepare_process()
    # Imported after the process is set up: llama.cpp reads its environment while it loads.
    from lsrv.worker.channel import Channel
    from lsrv.worker.loop import Worker

    gc.freeze()  # modules live as long as the process: no collection has to look through them (5 ms each)
    Worker(Channel(socket.socket(fileno=fd))).run()
    # No interpreter shutdown: the kernel frees a gigabyte faster than llama.cpp's destructors do.
    os._exit(0)


main()
