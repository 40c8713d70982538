"""How each server is started with given parameters: lsrv, xllamacpp's llama-server, and a llama-server binary."""

from __future__ import annotations

import dataclasses
import importlib.metadata
import importlib.util
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.params import MODEL_NAME, ServerParams
from benchmarks.peers.process import HOST, ServerFailedError, ServerProcess
from lsrv.registry.workers.cpu_faults import condemn

XLLAMACPP = "xllamacpp"


def lsrv_server(
    params: ServerParams,
    *,
    name: str = "lsrv",
    preload: bool = True,
    spare_workers: int = 1,
    models: Sequence[str] = (MODEL_NAME,),
    server: Mapping[str, object] | None = None,
    context: Mapping[str, object] | None = None,
    speculative: Mapping[str, object] | None = None,
    response_cache: bool = False,
    chat_template: str = "",
) -> ServerProcess:
    """lsrv with an entry for each of `models`, all of the one file, and more keys for these tables.

    `chat_template`: Jinja, in place of the file's own.
    `use_extra_bufts = False` is said as lsrv's own verdict over this machine would say it.
    """

    def make_command(port: int, folder: Path) -> list[str]:
        if not params.use_extra_bufts:
            version = importlib.metadata.version("llama_cpp_python")
            condemn(version, "none: a benchmark turns them off", folder / "state" / "lsrv" / "extra_bufts.json")
        config = folder / "models.toml"
        keys = {"host": HOST, "port": port, "keep_alive": "-1", "spare_workers": spare_workers} | dict(server or {})
        keys_of_all: dict[str, object] = {"preload": preload, "response_cache": response_cache}
        if chat_template:
            keys_of_all["chat_template"] = str(folder / "chat.jinja")
            (folder / "chat.jinja").write_text(chat_template)
        tables = {"[models.context]": context or {}, "[models.speculative]": speculative or {}}
        entries = (_entry(params, _linked(folder, model, params), model, keys_of_all, tables) for model in models)
        config.write_text(f"[server]\n{_toml_lines(keys)}" + "".join(entries))
        return [str(Path(sys.executable).with_name("lsrv")), "from-config", "-f", str(config)]

    return ServerProcess(name, make_command, ready_path="/readyz")  # /health answers while models load


def make_peer(peer: str, params: ServerParams, *, flags: Sequence[str] = ()) -> ServerProcess:
    """`peer`: "xllamacpp", or the path of a llama-server binary, which gets `flags`.

    Raises ServerFailedError if it is not there.
    """
    if peer == XLLAMACPP:
        if importlib.util.find_spec(XLLAMACPP) is None:
            raise ServerFailedError("The peer is missing. Run: pip install xllamacpp")
        return ServerProcess(XLLAMACPP, lambda port, _: _xllamacpp_command(params, port))
    binary = _binary(peer)
    return ServerProcess(
        "llama-server",
        lambda port, _: [
            *(str(binary), "-m", str(params.model_path), "--alias", MODEL_NAME),
            *(*_flags(params, port), *flags),
        ],
    )


def make_router(
    peer: str, params: ServerParams, *, models: Sequence[str] = (MODEL_NAME,), n_loaded_max: int = 4
) -> ServerProcess:
    """A llama-server binary that serves a folder with `models`, all the one file, loaded on request (router mode)."""
    binary = _binary(peer)

    def make_command(port: int, folder: Path) -> list[str]:
        for model in models:
            _linked(folder / "models", model, params)
        limits = ("--models-dir", str(folder / "models"), "--models-max", str(n_loaded_max))
        return [str(binary), *limits, *_flags(params, port)]

    return ServerProcess("llama-server router", make_command)


def _binary(path: str) -> Path:
    if not Path(path).is_file():
        raise ServerFailedError(f'{path} is no llama-server binary. Name its path, or "{XLLAMACPP}".')
    return Path(path).resolve()


def _linked(folder: Path, model: str, params: ServerParams) -> Path:
    """The file under the model's own name."""
    folder.mkdir(exist_ok=True)
    link = folder / f"{model}.gguf"
    link.symlink_to(params.model_path.resolve())
    return link


def _entry(
    params: ServerParams, path: Path, alias: str, keys: Mapping[str, object], more: Mapping[str, Mapping[str, object]]
) -> str:
    model: dict[str, object] = {"model_id": str(path), "alias": alias, **keys}
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
    tables: dict[str, Mapping[str, object]] = {
        "[[models]]": model,
        "[models.device]": device,
        "[models.context]": context,
    }
    for head, table in more.items():
        tables[head] = {**tables.get(head, {}), **table}
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
