"""How each server is started with given parameters: lsrv, xllamacpp's llama-server, and a llama-server binary."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from benchmarks.peers.params import MODEL_NAME, ServerParams
from benchmarks.peers.process import HOST, ServerFailedError, ServerProcess
from lsrv.registry.healing import condemn

XLLAMACPP = "xllamacpp"


def lsrv_server(
    params: ServerParams, *, name: str = "lsrv", preload: bool = True, spare_workers: int = 1
) -> ServerProcess:
    """lsrv with one entry. `use_extra_bufts = False` is said as lsrv's own verdict over this machine would say it."""

    def make_command(port: int, folder: Path) -> list[str]:
        if not params.use_extra_bufts:
            version = importlib.metadata.version("llama_cpp_python")
            condemn(version, "none: a benchmark turns them off", folder / "state" / "lsrv" / "extra_bufts.json")
        config = folder / "models.toml"
        config.write_text(_models_toml(params, port, preload=preload, spare_workers=spare_workers))
        return [str(Path(sys.executable).with_name("lsrv")), "from-config", "-f", str(config)]

    return ServerProcess(name, make_command)


def make_peer(peer: str, params: ServerParams) -> ServerProcess:
    """`peer`: "xllamacpp", or the path of a llama-server binary. Raises ServerFailedError if it is not there."""
    if peer == XLLAMACPP:
        if importlib.util.find_spec(XLLAMACPP) is None:
            raise ServerFailedError("The peer is missing. Run: pip install xllamacpp")
        return ServerProcess(XLLAMACPP, lambda port, _: _xllamacpp_command(params, port))
    binary = _binary(peer)
    return ServerProcess(
        "llama-server",
        lambda port, _: [str(binary), "-m", str(params.model_path), "--alias", MODEL_NAME, *_flags(params, port)],
    )


def make_router(peer: str, params: ServerParams) -> ServerProcess:
    """A llama-server binary that serves a folder with this one model and loads it on request (its router mode)."""
    binary = _binary(peer)

    def make_command(port: int, folder: Path) -> list[str]:
        models = folder / "models"
        models.mkdir()
        (models / f"{MODEL_NAME}.gguf").symlink_to(params.model_path.resolve())
        return [str(binary), "--models-dir", str(models), "--models-max", "4", *_flags(params, port)]

    return ServerProcess("llama-server router", make_command)


def _binary(path: str) -> Path:
    if not Path(path).is_file():
        raise ServerFailedError(f'{path} is no llama-server binary. Name its path, or "{XLLAMACPP}".')
    return Path(path).resolve()


def _models_toml(params: ServerParams, port: int, *, preload: bool, spare_workers: int) -> str:
    server: dict[str, object] = {"host": HOST, "port": port, "keep_alive": "-1", "spare_workers": spare_workers}
    model: dict[str, object] = {"model_id": str(params.model_path.resolve()), "alias": MODEL_NAME, "preload": preload}
    device: dict[str, object] = {
        "gpu_layers": params.n_gpu_layers,
        "threads": params.n_threads,
        "threads_batch": params.n_threads,
    }
    context: dict[str, object] = {
        "context_length": params.n_ctx_seq,
        "slots": params.n_slots,
        "batch_size": params.n_batch,
        "ubatch_size": params.n_ubatch,
        "kv": "shared" if params.is_kv_shared else "split",
    }
    tables = {"[server]": server, "[[models]]": model, "[models.device]": device, "[models.context]": context}
    return "\n".join(f"{head}\n{_toml_lines(table)}" for head, table in tables.items())


def _toml_lines(table: Mapping[str, object]) -> str:
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in table.items())


def _xllamacpp_command(params: ServerParams, port: int) -> list[str]:
    given = dataclasses.asdict(params) | {"model_path": str(params.model_path), "port": port}
    return [sys.executable, "-m", "benchmarks.peers.xllamacpp_server", json.dumps(given)]


def _flags(params: ServerParams, port: int) -> list[str]:
    """llama-server's flags; what xllamacpp_server.py sets by name. `--cache-ram 0`: see README.md, fairness."""
    flags = [
        *("--host", HOST, "--port", str(port), "--cache-ram", "0", "-ngl", str(params.n_gpu_layers)),
        *("-np", str(params.n_slots), "-c", str(params.n_ctx), "-b", str(params.n_batch), "-ub", str(params.n_ubatch)),
        *("-t", str(params.n_threads), "-tb", str(params.n_threads)),
        "--kv-unified" if params.is_kv_shared else "--no-kv-unified",
    ]
    return flags if params.use_extra_bufts else [*flags, "--no-repack"]
