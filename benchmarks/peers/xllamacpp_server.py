"""`python -m benchmarks.peers.xllamacpp_server JSON`: xllamacpp's llama-server alone in a process, until SIGTERM.

xllamacpp carries llama-server's own C++ code; it runs in its own threads, and Python only waits. It has no router mode.
"""

from __future__ import annotations

import json
import signal
import sys

import xllamacpp

from benchmarks.peers.params import MODEL_NAME


def main() -> None:
    given = json.loads(sys.argv[1])
    params = xllamacpp.CommonParams()  # pyright: ignore[reportAttributeAccessIssue]  an extension without stubs
    params.model.path = given["model_path"]
    params.model_alias = {MODEL_NAME}
    params.port = given["port"]
    params.n_parallel = given["n_slots"]
    params.n_ctx = given["n_slots"] * given["n_ctx_seq"]
    params.kv_unified = given["is_kv_shared"]
    params.n_batch = given["n_batch"]
    params.n_ubatch = given["n_ubatch"]
    params.n_gpu_layers = given["n_gpu_layers"]
    params.cpuparams.n_threads = given["n_threads"]
    params.cpuparams_batch.n_threads = given["n_threads"]
    params.no_extra_bufts = not given["use_extra_bufts"]
    params.cache_ram_mib = 0
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before its threads start, which inherit the mask
    server = xllamacpp.Server(params)  # pyright: ignore[reportAttributeAccessIssue]  likewise
    signal.sigwait(signals)
    del server


if __name__ == "__main__":
    main()
