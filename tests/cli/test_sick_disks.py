"""A server one of whose drives fails or hangs: entries on it are told as such, others serve, and it ends in time."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from tests.conftest import wait_until
from tests.models import STORIES
from tests.sick_disk import CAN_BE_MADE, SickDisk

pytestmark = pytest.mark.skipif(not CAN_BE_MADE, reason="needs Linux and a C compiler")
DEADLINE_S = 60.0
DRAIN_S = 2.0


class Server:
    """Entries "well" and "known" were loaded before; "sick" is on the drive, as caches are and the config itself."""

    def __init__(self, place: Path) -> None:
        self.disk = SickDisk(place)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = int(listener.getsockname()[1])
        files = {"well": place / "well.gguf", "known": self.disk.folder / "known.gguf"}
        files["sick"] = self.disk.folder / "sick.gguf"
        config = self.disk.folder / "models.toml"
        text = f'[server]\nport = {port}\nspare_workers = 0\ndrain_timeout = "{DRAIN_S}s"\n'
        for alias, file in files.items():
            shutil.copyfile(STORIES, file)
            text += f'[[models]]\nmodel_id = "{file}"\nalias = "{alias}"\nresponse_cache = true\n'
            text += "context = { context_length = 128, slots = 2 }\n"
        config.write_text(text)
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=DEADLINE_S)
        self.said = place / "said.txt"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "lsrv", "from-config", "-f", str(config)],
            env=os.environ | self.disk.environ | {"LSRV_CACHE": str(self.disk.folder / "cache")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.said.open("w"),
        )
        wait_until(self.is_up)

    def is_up(self) -> bool:
        try:
            return self.http.get("/health").status_code == httpx.codes.OK
        except httpx.TransportError:
            assert self.process.poll() is None, self.said.read_text()
            return False

    def ask(self, model: str, prompt: str = "Once") -> httpx.Response:
        return self.http.post("/v1/completions", json={"model": model, "prompt": prompt, "max_tokens": 3})

    def others_serve(self) -> None:
        for prompt in ("Once", "A prompt that no cache knows"):
            assert self.ask("well", prompt).status_code == self.ask("known", prompt).status_code == 200
        for path in ("/health", "/readyz", "/v1/models", "/admin/status", "/metrics"):
            assert self.http.get(path).status_code == httpx.codes.OK, path

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(DEADLINE_S) == 0


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path)
    try:
        for model in ("well", "known"):
            assert server.ask(model).status_code == 200
        yield server
        assert "Traceback" not in server.said.read_text()
    finally:
        server.disk.be_well()
        server.process.kill()
        server.process.wait()
        server.http.close()


def error_of(answer: httpx.Response) -> Any:
    return answer.json()["error"]


def test_a_drive_that_fails_is_an_error_of_what_is_on_it_and_forgotten_when_it_is_well(server: Server) -> None:
    server.disk.fail()
    answer = server.ask("sick")
    assert answer.status_code == 500
    assert "sick.gguf: can't be read (Input/output error)" in error_of(answer)["message"]
    refused = server.http.post("/admin/reload")
    assert (refused.status_code, error_of(refused)["code"]) == (400, "config_error")
    assert "models.toml: can't be read (Input/output error)" in error_of(refused)["message"]
    server.others_serve()
    server.disk.be_well()
    wait_until(lambda: server.ask("sick").status_code == 200)
    assert server.http.post("/admin/reload").status_code == 200


def test_a_drive_that_hangs_holds_up_what_is_on_it_and_nothing_else_nor_the_end(server: Server) -> None:
    server.disk.hang()
    answers: list[int] = []
    waiting = threading.Thread(target=lambda: answers.append(server.ask("sick").status_code))
    waiting.start()
    wait_until(lambda: "reloading" in server.http.get("/v1/models").text)
    server.others_serve()
    assert server.http.post("/v1/models/unload", json={"model_id": "well"}).json()["status"] == "unloaded"
    server.others_serve()
    server.end()
    waiting.join(DEADLINE_S)
    assert answers == [503], "who waited is told that the server stops"


def test_a_current_folder_that_was_deleted_is_one_clear_line(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    command = f"cd {gone}; rmdir {gone}; exec {sys.executable} -m lsrv config check"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=DEADLINE_S)
    assert ended.returncode == 2
    assert ended.stderr == "the current folder was deleted; go to one that is there (cd ~), and try again\n"
