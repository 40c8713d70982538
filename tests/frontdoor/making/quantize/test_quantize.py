from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from lsrv.errors import BuildCancelledError, CorruptWeightsError, QuantizeError
from lsrv.frontdoor.gguf.header import read_header
from lsrv.frontdoor.making.quantize import fallback_share, quantize
from lsrv.frontdoor.progress import BuildProgress, Cancel
from tests.conftest import ROOT, wait_until
from tests.frontdoor.making.quantize.random_model import write_imatrix, write_legacy_imatrix, write_random_model
from tests.models import STORIES

SLOW = "IQ3_S"  # searches a codebook for each eight weights

# quant, the name it becomes, its tensor type, least cosine of its logits with those of F32
KINDS = [
    ("8", "Q8_0", "Q8_0", 0.999),
    ("q4k", "Q4_K_M", "Q4_K", 0.95),
    ("iq4_xs", "IQ4_XS", "IQ4_XS", 0.93),
    ("bf16", "BF16", "BF16", 0.999),
]


def logits_of(*paths: Path) -> list[np.ndarray]:
    command = [sys.executable, "-m", "tests.frontdoor.making.quantize.logits", *map(str, paths)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=True)
    return [np.array(json.loads(line)) for line in done.stdout.splitlines()]


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"lsrv-cache"}


def test_every_kind_decodes_close_to_its_source_and_is_what_it_says(random_model: Path, tmp_path: Path) -> None:
    made = [quantize(random_model, tmp_path / f"{name}.gguf", quant) for quant, name, _, _ in KINDS]
    expected, *found = logits_of(random_model, *made)
    for path, logits, (_, name, tensor_type, least) in zip(made, found, KINDS, strict=True):
        header = read_header(path)
        assert header.quantization == name
        assert next(iter(header.tensor_bytes)) == tensor_type
        assert fallback_share(name, header.tensor_bytes) == 0
        cosine = expected @ logits / np.linalg.norm(expected) / np.linalg.norm(logits)
        assert cosine > least, name
        assert not np.array_equal(expected, logits), "it is the source itself"


def test_rows_that_do_not_divide_by_256_are_told_from_what_really_came_out(tmp_path: Path) -> None:
    made = quantize(STORIES, tmp_path / "made.gguf", "4")
    header = read_header(made)
    assert header.quantization == "Q4_K_M", "llama.cpp writes the name that was asked for"
    assert "Q4_K" not in header.tensor_bytes
    assert fallback_share("Q4_K_M", header.tensor_bytes) > 0.9
    expected, found = logits_of(STORIES, made)
    assert expected.argmax() == found.argmax()


def test_q8_0_is_good_enough_a_source(tmp_path: Path) -> None:
    source = write_random_model(tmp_path / "source.gguf", file_type="Q8_0")
    assert read_header(quantize(source, tmp_path / "made.gguf", "4")).quantization == "Q4_K_M"


def test_progress_goes_up_to_the_size_of_the_result(slow_model: Path, tmp_path: Path) -> None:
    seen: list[BuildProgress] = []
    made = quantize(slow_model, tmp_path / "made.gguf", SLOW, n_threads=1, on_progress=seen.append)
    assert {each.stage for each in seen} == {"quantize"}
    counts = [each.n_bytes for each in seen]
    assert len(counts) > 2 and counts == sorted(counts)
    assert counts[-1] == seen[-1].n_bytes_total == pytest.approx(made.stat().st_size, rel=0.02)


# --- importance matrices ---


def test_an_importance_matrix_steers_and_both_its_formats_say_the_same(random_model: Path, tmp_path: Path) -> None:
    plain = quantize(random_model, tmp_path / "plain.gguf", "4")
    gguf = quantize(random_model, tmp_path / "gguf.gguf", "4", imatrix=write_imatrix(tmp_path / "m.gguf"))
    legacy = quantize(random_model, tmp_path / "legacy.gguf", "4", imatrix=write_legacy_imatrix(tmp_path / "m.dat"))
    assert gguf.read_bytes() == legacy.read_bytes()
    assert gguf.read_bytes() != plain.read_bytes()


def test_two_bits_need_an_importance_matrix_and_say_so(random_model: Path, tmp_path: Path) -> None:
    with pytest.raises(QuantizeError, match=r"Q2_K_S needs an importance matrix.*--imatrix"):
        quantize(random_model, tmp_path / "made.gguf", "Q2_K_S")
    assert names_in(tmp_path) == set()
    made = quantize(random_model, tmp_path / "made.gguf", "Q2_K_S", imatrix=write_imatrix(tmp_path / "m.gguf"))
    assert "Q2_K" in read_header(made).tensor_bytes


def test_an_importance_matrix_of_another_shape_is_refused(random_model: Path, tmp_path: Path) -> None:
    imatrix = write_imatrix(tmp_path / "m.gguf", n_embd=512)
    with pytest.raises(QuantizeError, match="imatrix size 512 is different from tensor size 256"):
        quantize(random_model, tmp_path / "made.gguf", "4", imatrix=imatrix)


def test_an_importance_matrix_that_names_no_tensor_of_the_model_is_refused(random_model: Path, tmp_path: Path) -> None:
    imatrix = write_legacy_imatrix(tmp_path / "m.dat", prefix="other.")
    with pytest.raises(QuantizeError, match="is of another model"):
        quantize(random_model, tmp_path / "made.gguf", "4", imatrix=imatrix)


@pytest.mark.parametrize(
    "content", [b"", b"GGUF" + bytes(40), b"\x05\0\0\0\xff\xff\xff\x7f", bytes(4), b"\1\0\0\0\3\0\0\0abc"]
)
def test_a_broken_importance_matrix_is_refused(content: bytes, random_model: Path, tmp_path: Path) -> None:
    imatrix = tmp_path / "m.dat"
    imatrix.write_bytes(content)
    with pytest.raises(QuantizeError, match=r"m\.dat: is no sound importance matrix"):
        quantize(random_model, tmp_path / "made.gguf", "4", imatrix=imatrix)


# --- refused at once ---


def test_what_is_quantized_is_not_quantized_again(random_model: Path, tmp_path: Path) -> None:
    small = quantize(random_model, tmp_path / "small.gguf", "4")
    with pytest.raises(QuantizeError, match="is Q4_K_M already"):
        quantize(small, tmp_path / "made.gguf", "3")


def test_the_source_is_never_its_own_target(tmp_path: Path) -> None:
    source = tmp_path / "source.gguf"
    source.write_bytes(STORIES.read_bytes())
    with pytest.raises(QuantizeError, match="is the source itself"):
        quantize(source, source, "4")
    assert source.read_bytes() == STORIES.read_bytes()


@pytest.mark.parametrize("quant", ["UD-Q4_K_XL", "NVFP4", "7", "nonsense"])
def test_what_llama_cpp_can_not_make_is_refused_with_what_it_can(quant: str, tmp_path: Path) -> None:
    with pytest.raises(QuantizeError, match=r"Q4_K_M|write one of"):
        quantize(STORIES, tmp_path / "made.gguf", quant)


def test_a_broken_source_is_refused(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(STORIES.read_bytes()[:-1000])
    with pytest.raises(CorruptWeightsError):
        quantize(broken, tmp_path / "made.gguf", "4")


# --- interrupted, and at once ---


def test_cancel_leaves_nothing(slow_model: Path, tmp_path: Path) -> None:
    cancel = Cancel()
    others = set(psutil.Process().children())  # servers of other tests
    children: list[psutil.Process] = []

    def on_progress(_progress: BuildProgress) -> None:
        children.extend(set(psutil.Process().children()) - others)
        cancel.set()

    with pytest.raises(BuildCancelledError):
        quantize(slow_model, tmp_path / "made.gguf", SLOW, n_threads=1, on_progress=on_progress, cancel=cancel)
    assert names_in(tmp_path) == set()
    assert children and not any(child.is_running() for child in children)


def start_quantizing(source: Path, target: Path) -> subprocess.Popen[bytes]:
    """Another process that makes `target`, seen at work: its partial file has begun to grow."""
    code = (
        "import sys; from pathlib import Path; from lsrv.frontdoor.making.quantize import quantize;"
        f"quantize(Path(sys.argv[1]), Path(sys.argv[2]), '{SLOW}', n_threads=1)"
    )
    process = subprocess.Popen([sys.executable, "-c", code, str(source), str(target)])
    partial = target.with_name(f".{target.name}.part")
    wait_until(lambda: partial.exists() and partial.stat().st_size > 0)
    return process


def test_a_killed_process_takes_its_child_along_and_leaves_a_partial_that_the_next_one_clears(
    slow_model: Path, random_model: Path, tmp_path: Path
) -> None:
    target = tmp_path / "made.gguf"
    process = start_quantizing(slow_model, target)
    (child,) = psutil.Process(process.pid).children()
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)
    assert names_in(tmp_path) == {".made.gguf.part"}
    quantize(random_model, target, "8")
    assert names_in(tmp_path) == {"made.gguf"}


def test_a_second_process_waits_for_the_first_and_takes_its_file(slow_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "made.gguf"
    process = start_quantizing(slow_model, target)
    seen: list[str] = []
    assert quantize(slow_model, target, SLOW, on_progress=lambda each: seen.append(each.what)) == target
    assert process.wait() == 0
    assert seen == [f"{SLOW} of {slow_model.name}, by another process"]
    assert read_header(target).quantization == SLOW


def test_who_waits_can_give_up(slow_model: Path, tmp_path: Path) -> None:
    target = tmp_path / "made.gguf"
    process = start_quantizing(slow_model, target)
    cancel = Cancel()
    with pytest.raises(BuildCancelledError):
        quantize(slow_model, target, SLOW, on_progress=lambda _each: cancel.set(), cancel=cancel)
    assert process.poll() is None, "it was not waited for"
    process.kill()
    process.wait()


# --- full disks ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a small disk takes privileges")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_that_is_too_small_is_seen_before_anything_is_written(slow_model: Path, small_disk: Path) -> None:
    with pytest.raises(QuantizeError, match=r"F32 of slow-F32.gguf needs [\d,]+ bytes, and [\d,]+ are free"):
        quantize(slow_model, small_disk / "made.gguf", "F32")
    assert names_in(small_disk) == set()


def test_a_disk_that_fills_up_meanwhile_is_named_with_the_bytes_missing(slow_model: Path, small_disk: Path) -> None:
    is_full = threading.Event()

    def fill(_progress: BuildProgress) -> None:
        if not is_full.is_set():
            is_full.set()
            with (small_disk / "filler").open("wb", buffering=0) as filler, pytest.raises(OSError, match="No space"):
                while filler.write(bytes(4096)):
                    pass

    with pytest.raises(QuantizeError, match=r"filled up after [\d,]+ of about [\d,]+ bytes; free [\d,]+ more"):
        quantize(slow_model, small_disk / "made.gguf", SLOW, n_threads=1, on_progress=fill)
    assert names_in(small_disk) == {"filler"}
