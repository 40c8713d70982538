"""`python -m lsrv.worker --fd N`: one worker, ready for one model, until its parent hangs up."""

from __future__ import annotations

import argparse
import gc
import os
import socket
import sys

from lsrv.survival import prepare_process

_SWITCH_S = 0.0005  # the engine's thread waits for the interpreter at each of its calls while another has it


def main() -> None:
    parser = argparse.ArgumentParser(prog="lsrv.worker", description=__doc__)
    parser.add_argument("--fd", type=int, required=True, help="inherited descriptor of the frame socket")
    fd: int = parser.parse_args().fd
    prepare_process()
    # Imported after the process is set up: llama.cpp reads its environment while it loads.
    from lsrv.worker.channel import Channel
    from lsrv.worker.errands.errands import Errands
    from lsrv.worker.loop import Worker

    sys.setswitchinterval(_SWITCH_S)
    gc.freeze()  # modules live as long as the process: no collection has to look through them (5 ms each)
    channel = Channel(socket.socket(fileno=fd))
    errands = Errands(channel)
    Worker(channel, errands).run()
    errands.close()
    # No interpreter shutdown: the kernel frees a gigabyte faster than llama.cpp's destructors do.
    os._exit(0)


main()
