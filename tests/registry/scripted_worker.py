"""A worker that speaks the real protocol over a real socket and holds no model: it does what its script says.

The script is the model's path: words joined by "+" in the file's stem, for example `slow+die_on_generate.gguf`.
`python scripted_worker.py [--fault WORD] --fd N`; faults before Ready come by flag, for no model is known then.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from pathlib import Path

from lsrv.errors import CorruptWeightsError, LoadFailedError, RequestError
from lsrv.protocol.commands import Abort, Detokenize, Embed, Generate, Load, LoadParams, Plan, Stop, Tokenize, Unload
from lsrv.protocol.events import (
    Accepted,
    ContextPlan,
    Delta,
    Detokenized,
    DeviceMemory,
    Embedded,
    Event,
    Failed,
    Finished,
    Heartbeat,
    Loaded,
    LoadFailed,
    MemoryUse,
    ModelInfo,
    Planned,
    Progress,
    Ready,
    Step,
    Tokenized,
    Unloaded,
    Usage,
)
from lsrv.protocol.framing import FrameSplitter, command_decoder, encode_event

TICK_S = 0.01
USAGE = Usage(3, 0, 5, 0, 0.0, 0.0, 0.0)


class ScriptedWorker:
    def __init__(self, fd: int, fault: str) -> None:
        self.sock = socket.socket(fileno=fd)
        self.sock.settimeout(TICK_S)
        self.splitter = FrameSplitter()
        self.fault = fault
        self.script: list[str] = []
        self.hoard = b""
        self.running: dict[int, int] = {}  # request_id -> deltas still to come
        self.beat_s = 0.0

    def run(self) -> None:
        if self.fault == "die_at_start":
            print("scripted: no libllama here", file=sys.stderr, flush=True)
            sys.exit(3)
        if self.fault == "never_ready":
            signal.pause()
        self.send(Ready(pid=os.getpid(), llama_cpp_version="scripted-1", system_info="", devices=["CPU"]))
        while True:
            for body in self.receive():
                self.obey(command_decoder.decode(body))
            self.step()

    def receive(self) -> list[bytes]:
        try:
            data = self.sock.recv(1 << 16)
        except TimeoutError:
            return []
        if not data:
            sys.exit(0)
        return self.splitter.feed(data)

    def send(self, event: Event) -> None:
        self.sock.sendall(encode_event(event))

    def obey(self, command: object) -> None:  # noqa: C901  # one case per command
        match command:
            case Plan(params, n_ctx_seqs):
                self.send(planned(Path(params.model_path).stem.split("+"), params, n_ctx_seqs or [params.n_ctx_seq]))
            case Load(params):
                self.load(params)
            case Generate():
                self.generate(command)
            case Embed():
                self.send(Embedded(command.request_id, [b"\0" * 8 for _ in command.inputs], 3, 2))
            case Tokenize():
                self.send(Tokenized(command.request_id, [1, 2], [b"a", b"b"], "ab"))
            case Detokenize():
                self.send(Detokenized(command.request_id, "ab"))
            case Abort(request_id):
                if self.running.pop(request_id, None) is not None:
                    self.send(Step([], [Finished(request_id, "abort", "", "", USAGE)]))
            case Unload():
                self.unload()
            case Stop():
                if "deaf" not in self.script:
                    sys.exit(0)

    def load(self, params: LoadParams) -> None:  # noqa: C901  # one case per word
        self.script = Path(params.model_path).stem.split("+")
        print(f"scripted: loading {params.model_path}", file=sys.stderr, flush=True)
        self.send(Progress("weights", 0.5))
        if "slow" in self.script:
            time.sleep(0.3)
        if "reading" in self.script:  # for longer than SHORT_SILENCE allows silence
            for _ in range(25):
                time.sleep(0.1)
                Path(params.model_path).read_bytes()
        if "hoarding" in self.script:
            self.hoard = b"x" * (128 * 1024 * 1024)
        if "stuck" in self.script:
            signal.pause()
        if "deaf" in self.script:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if "die_at_load" in self.script:
            self.die(signal.SIGKILL)
        if "amx" in self.script and params.use_extra_bufts:
            self.die(signal.SIGSEGV)
        if "bad" in self.script:
            self.send(LoadFailed(LoadFailedError("tensor 'output.weight' is missing").info()))
            return
        if "corrupt" in self.script:
            self.send(LoadFailed(CorruptWeightsError("not a GGUF").info()))
            return
        self.send(Loaded(model_info(params)))

    def unload(self) -> None:
        if "die_at_unload" in self.script:
            self.die(signal.SIGSEGV)
        if "deaf" not in self.script:
            self.send(Unloaded())

    def generate(self, command: Generate) -> None:
        prompt = str(command.prompt)
        if prompt == "refuse":
            self.send(Failed(command.request_id, RequestError("the prompt is refused", param="prompt").info()))
        elif prompt == "die" or (prompt == "die_once" and first_time(self.script[0])):
            self.die(signal.SIGABRT)
        elif prompt == "hang":
            signal.pause()
        elif prompt == "nonsense":
            self.sock.sendall(b"\x03\0\0\0abc")
        else:
            self.send(Accepted(command.request_id, 3))
            self.running[command.request_id] = command.max_tokens or 5

    def step(self) -> None:
        if "mute" not in self.script and time.monotonic() - self.beat_s > 0.05:
            self.beat_s = time.monotonic()
            self.send(heartbeat(len(self.running)))
        if not self.running:
            return
        deltas = [Delta(request_id, "x") for request_id in self.running]
        self.running = {request_id: n_left - 1 for request_id, n_left in self.running.items()}
        done = [request_id for request_id, n_left in self.running.items() if n_left <= 0]
        for request_id in done:
            del self.running[request_id]
        self.send(Step(deltas, [Finished(request_id, "stop", "", "", USAGE) for request_id in done]))

    def die(self, number: signal.Signals) -> None:
        print("scripted: last words", file=sys.stderr, flush=True)
        os.kill(os.getpid(), number)


def first_time(mark: str) -> bool:
    """Whether no scripted worker of this test came by here before; `mark` is a path handed over in the environment."""
    path = Path(os.environ["TMPDIR"]) / f"{mark}.mark"
    try:
        path.open("x").close()
    except FileExistsError:
        return False
    return True


def planned(script: list[str], params: LoadParams, n_ctx_seqs: list[int]) -> Planned:
    """A word like "60mib" says what the model takes with a context of 4096, and in proportion with others.

    One like "gpu200" gives the machine a GPU of so many MiB, and the model nine blocks and an output layer.
    """
    n_mib = next((int(word[:-3]) for word in script if word.endswith("mib")), 0)
    gpu_bytes = next((int(word[3:]) << 20 for word in script if word.startswith("gpu")), 0)
    on_gpu = (1.0 if params.n_gpu_layers < 0 else params.n_gpu_layers / 10) if gpu_bytes else 0.0
    uses = [memory_use(n_mib * 1024 * 256 * (n or 4096) // 1024, on_gpu) for n in n_ctx_seqs]
    return Planned(
        arch="scripted",
        quantization="F16",
        n_params=1,
        n_ctx_train=4096,
        n_layers=9,
        contexts=[ContextPlan(n or 4096, 2, use) for n, use in zip(n_ctx_seqs, uses, strict=True)],
        devices={"CUDA0": DeviceMemory(gpu_bytes, gpu_bytes)} if gpu_bytes else {},
    )


def memory_use(n_bytes: int, on_gpu: float) -> MemoryUse:
    held = {"CPU": n_bytes - int(n_bytes * on_gpu), "CUDA0": int(n_bytes * on_gpu)}
    return MemoryUse(weights_bytes=0, kv_bytes=n_bytes, compute_bytes=0, output_bytes=0, by_device=held)


def heartbeat(n_busy: int) -> Heartbeat:
    return Heartbeat(
        n_slots_busy=n_busy,
        n_waiting=0,
        n_steps=0,
        n_prefill_tokens=0,
        n_decode_tokens=0,
        n_cached_tokens=0,
        compute_s=0.0,
        overhead_s=0.0,
    )


def model_info(params: LoadParams) -> ModelInfo:
    return ModelInfo(
        arch="scripted",
        name="scripted",
        quantization="F16",
        n_params=1,
        size_bytes=1,
        n_vocab=1,
        n_ctx_train=1,
        n_ctx_seq=params.n_ctx_seq or 64,
        n_slots=params.n_slots or 4,
        n_embd=2,
        kv="split",
        n_threads=1,
        n_threads_batch=1,
        pooling="none",
        has_chat_template=False,
        can_generate=True,
        can_embed=True,
        can_rerank=False,
        use_extra_bufts=params.use_extra_bufts,
        n_gpu_layers=params.n_gpu_layers,
        memory=MemoryUse(weights_bytes=1, kv_bytes=1, compute_bytes=1, output_bytes=1),
        load_s=0.0,
    )


if __name__ == "__main__":
    fd_at = sys.argv.index("--fd")
    ScriptedWorker(int(sys.argv[fd_at + 1]), sys.argv[2] if sys.argv[1] == "--fault" else "").run()
