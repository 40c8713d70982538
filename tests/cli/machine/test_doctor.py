"""What `lsrv doctor` makes of what it finds."""

from __future__ import annotations

import json
import shlex
import socket
import sys
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from lsrv.cli import cli
from lsrv.cli.machine import facts
from lsrv.cli.machine.checks import GIB, backends_of, check_cpu_features, check_devices, check_disk
from lsrv.cli.machine.facts import GpuMaker
from lsrv.cli.machine.rebuild import rebuild_commands
from lsrv.cli.machine.worker_probe import probe_worker
from lsrv.protocol.events import Ready


def _ready(system_info: str) -> Ready:
    return Ready(pid=1, llama_cpp_version="0.3.36", system_info=system_info, devices=["CPU"])


def test_a_build_that_leaves_features_unused_gets_a_warning_with_the_mend() -> None:
    check = check_cpu_features("a CPU", frozenset({"avx2", "avx512f"}), _ready("CPU : AVX2 = 1 | AVX512 = 0 | "))
    assert check.verdict == "warn"
    assert "AVX512" in check.found
    assert "AVX2," not in check.found
    assert "-DGGML_NATIVE=on" in check.mend


def test_a_build_that_uses_all_features_is_fine() -> None:
    check = check_cpu_features("a CPU", frozenset({"avx2", "sse2"}), _ready("CPU : SSE3 = 1 | AVX2 = 1 | "))
    assert check.verdict == "ok"


@pytest.mark.parametrize(
    ("maker", "flag"),
    [("Apple", "METAL"), ("NVIDIA", "CUDA"), ("AMD", "HIP"), ("other", "VULKAN")],
)
def test_a_gpu_that_the_build_leaves_idle_gets_the_command_that_mends_it(maker: GpuMaker, flag: str) -> None:
    check = check_devices(_ready(""), maker)
    assert check.verdict == "warn"
    assert f"-DGGML_{flag}=on" in check.mend
    assert "llama-cpp-python==" in check.mend


def test_a_build_that_uses_the_gpu_and_a_machine_without_any_are_fine() -> None:
    with_gpu = msgspec.structs.replace(_ready(""), devices=["CUDA0", "CPU"])
    assert (check_devices(with_gpu, "NVIDIA").verdict, check_devices(with_gpu, "NVIDIA").found) == ("ok", "CUDA0, CPU")
    assert check_devices(_ready(""), None).verdict == "ok"


@pytest.mark.skipif(sys.platform == "darwin", reason="looks into /dev of Linux")
@pytest.mark.parametrize(
    ("node", "maker"),
    [("nvidia0", "NVIDIA"), ("nvidia7", "NVIDIA"), ("kfd", "AMD"), ("dri/renderD128", "other"), ("nvidiactl", None)],
)
def test_a_gpu_is_known_by_what_its_driver_shows(tmp_path: Path, node: str, maker: str | None) -> None:
    (tmp_path / node).parent.mkdir(exist_ok=True)
    (tmp_path / node).touch()
    assert facts.gpu_maker(tmp_path) == maker


@pytest.mark.parametrize(("free_bytes", "verdict"), [(0, "fail"), (5 * GIB, "warn"), (50 * GIB, "ok")])
def test_disk_space_is_judged_before_a_download_fails(free_bytes: int, verdict: str) -> None:
    assert check_disk("hub cache", Path("/cache"), free_bytes).verdict == verdict


def test_free_space_of_a_folder_yet_to_be_made_is_that_of_its_parent(tmp_path: Path) -> None:
    assert facts.free_disk_bytes(tmp_path / "not" / "there") > 0


def test_a_port_in_use_is_seen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert not facts.is_port_free("127.0.0.1", port)
    assert facts.is_port_free("127.0.0.1", port)


def test_rebuild_commands_are_shell_lines_that_pin_the_installed_version() -> None:
    commands = rebuild_commands(["Metal", "CUDA", "HIP", "Vulkan", "CPU"])
    assert {"Metal", "CUDA", "Vulkan", "CPU"} <= commands.keys()
    assert all(shlex.split(command)[-1].startswith("llama-cpp-python==") for command in commands.values())


@pytest.mark.parametrize(
    ("maker", "backends"),
    [
        (None, ["CPU"]),
        ("Apple", ["Metal", "CPU"]),
        ("NVIDIA", ["CUDA", "Vulkan", "CPU"]),
        ("AMD", ["HIP", "Vulkan", "CPU"]),
        ("other", ["Vulkan", "CPU"]),
    ],
)
def test_only_builds_that_can_be_of_use_are_offered(maker: GpuMaker | None, backends: list[str]) -> None:
    assert backends_of(maker) == backends


def test_a_worker_without_a_model_tells_its_build_and_goes() -> None:
    ready = probe_worker()
    assert "CPU" in ready.devices
    assert Path(ready.library).is_file()
    assert not Path(f"/proc/{ready.pid}").exists()


def test_doctor_prints_json_for_programs() -> None:
    result = CliRunner().invoke(cli, ["doctor", "--json"])
    report = json.loads(result.stdout)
    names = {check["name"] for check in report["checks"]}
    assert {"lsrv", "worker", "build", "cpu", "memory", "port", "config"} <= names
    assert result.exit_code == (1 if any(check["verdict"] == "fail" for check in report["checks"]) else 0)
    assert "CPU" in report["rebuild"]


def test_a_cache_folder_is_tried_by_writing(tmp_path: Path) -> None:
    assert facts.write_trouble(tmp_path / "not" / "there" / "yet") == ""
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    assert facts.write_trouble(tmp_path / "file") == "Not a directory"
    assert facts.write_trouble(Path("/proc/lsrv")) != ""
