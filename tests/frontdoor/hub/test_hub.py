"""`Hub` against a Hub on loopback, through huggingface_hub's own session."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from lsrv.errors import BuildCancelledError, ConfigError, FetchError, WeightsNotFoundError
from lsrv.frontdoor.hub import Hub, Patience, find_token
from lsrv.frontdoor.progress import Cancel
from tests.conftest import wait_until
from tests.hub_server import HubServer

QUICK = Patience(n_retries=2, first_wait_s=0.01, connect_timeout_s=5, stall_timeout_s=5)
WEIGHTS = bytes(range(256)) * 64


@pytest.fixture
def hub(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> Hub:
    """A hub without a token."""
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    return Hub(None, patience=QUICK)


def test_a_repository_is_listed_with_sizes_and_hashes(hub: Hub, hub_server: HubServer) -> None:
    stored = hub_server.add_repo("o/m", {"m-Q4_K_M.gguf": WEIGHTS, "config.json": b"{}"}, base_model="base/m")

    repo = hub.list_repo("o/m")

    assert (repo.repo_id, repo.revision, repo.commit) == ("o/m", "main", stored.commit)
    weights, config = repo.files
    assert (weights.name, weights.size_bytes) == ("m-Q4_K_M.gguf", len(WEIGHTS))
    assert weights.sha256 == weights.etag == hashlib.sha256(WEIGHTS).hexdigest()
    assert (config.sha256, config.etag) == (None, hashlib.sha1(b"blob 2\0{}").hexdigest())
    assert (repo.gated, repo.base_models, repo.library) == (None, ("base/m",), "transformers")


def test_quantizations_of_a_model_are_found_most_downloaded_first(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("small/m-GGUF", {"m-Q4_0.gguf": b"x"}, base_model="base/m", downloads=5)
    hub_server.add_repo("large/m-GGUF", {"m-Q8_0.gguf": b"x"}, base_model="base/m", downloads=50, gated=True)
    hub_server.add_repo("else/other-GGUF", {"o.gguf": b"x"}, base_model="base/other", downloads=500)
    hub_server.add_repo("awq/m-AWQ", {"m.safetensors": b"x"}, base_model="base/m", downloads=900)

    first, second = hub.quantized_repos("base/m")

    assert (first.repo_id, first.owner, first.downloads, first.gated) == ("large/m-GGUF", "large", 50, "auto")
    assert (second.repo_id, second.file_names) == ("small/m-GGUF", ("m-Q4_0.gguf",))


def test_a_repository_that_was_renamed_is_found_under_its_old_name(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("old/m", {"m.gguf": WEIGHTS})
    hub_server.rename("old/m", "new/m")

    repo = hub.list_repo("old/m")

    assert hub.read_range(repo, repo.files[0], 0, 4) == WEIGHTS[:4]


def test_the_token_follows_a_renamed_repository(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    hub_server.add_repo("old/m", {"m.gguf": WEIGHTS}, private=True)
    hub_server.rename("old/m", "new/m")
    hub_server.add_token("hf_mine", {"new/m"})

    assert Hub("hf_mine", patience=QUICK).list_repo("old/m").files


@pytest.mark.parametrize("ignore_range", [False, True])
def test_a_range_is_read_even_from_a_server_that_ignores_ranges(
    hub: Hub, hub_server: HubServer, ignore_range: bool
) -> None:
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS})
    hub_server.fail_next(host="storage", ignore_range=ignore_range)
    repo = hub.list_repo("o/m")

    assert hub.read_range(repo, repo.file("m.gguf"), 1000, 3000) == WEIGHTS[1000:3000]


def test_a_token_goes_to_the_hub_and_never_to_the_storage_host(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS}, private=True)
    hub_server.add_token("hf_mine", {"o/m"})
    hub = Hub("hf_mine", patience=QUICK)

    repo = hub.list_repo("o/m")
    hub.read_range(repo, repo.files[0], 0, 4)

    tokens = {each.host: each.headers.get("authorization") for each in hub_server.requests}
    assert tokens == {"hub": "Bearer hf_mine", "storage": None}


def test_the_cached_token_is_taken_from_the_environment(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    monkeypatch.setenv("HF_TOKEN", "hf_mine")
    hub_server.add_token("hf_mine", {"o/m"})
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS}, private=True)

    assert Hub(patience=QUICK).list_repo("o/m").files


def test_a_gated_repository_without_a_token_says_where_to_accept_and_to_log_in(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS}, gated=True)
    repo = hub.list_repo("o/m")
    assert repo.gated == "auto"

    with pytest.raises(FetchError, match=rf"{hub_server.url}/o/m is gated.* accept .* `lsrv login`"):
        hub.read_range(repo, repo.files[0], 0, 4)


def test_a_gated_repository_with_a_token_says_that_access_is_not_granted(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    hub_server.add_token("hf_mine")
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS}, gated=True)
    hub = Hub("hf_mine", patience=QUICK)
    repo = hub.list_repo("o/m")

    with pytest.raises(FetchError, match=rf"{hub_server.url}/o/m is gated, and your token's account is not"):
        hub.read_range(repo, repo.files[0], 0, 4)


def test_a_token_that_is_not_valid_is_named_as_the_reason(
    hub_server: HubServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS})

    with pytest.raises(FetchError, match="does not accept the token; run `lsrv login`") as caught:
        Hub("hf_wrong", patience=QUICK).list_repo("o/m")
    assert "hf_wrong" not in str(caught.value)


@pytest.mark.parametrize(
    ("repo_id", "revision", "said"),
    [
        ("o/none", "main", "/o/none does not exist, or is private"),
        ("o/m", "v9", 'has no revision "v9"'),
        ("none", "main", "write OWNER/NAME"),
        ("o/m", "../x", "write a branch"),
    ],
)
def test_what_is_not_there_is_named(hub: Hub, hub_server: HubServer, repo_id: str, revision: str, said: str) -> None:
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS})
    with pytest.raises(WeightsNotFoundError, match=said):
        hub.list_repo(repo_id, revision)


def test_a_busy_hub_is_asked_again(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS})
    hub_server.fail_next(503)
    hub_server.fail_next(429, headers={"Retry-After": "0"})

    assert hub.list_repo("o/m").files
    assert [each.status for each in hub_server.asked("/api/models/o/m")] == [503, 429, 200]


def test_a_hub_that_stays_busy_is_given_up_with_its_answer(hub: Hub, hub_server: HubServer) -> None:
    hub_server.fail_next(503, times=9)
    with pytest.raises(FetchError, match=r"answered 503 \(On demand\)"):
        hub.list_repo("o/m")
    assert len(hub_server.requests) == 1 + QUICK.n_retries


def test_a_wait_longer_than_anybody_waits_is_reported_at_once(hub: Hub, hub_server: HubServer) -> None:
    hub_server.fail_next(429, headers={"Retry-After": "86400"})
    with pytest.raises(FetchError, match="fewer requests") as caught:
        hub.list_repo("o/m")
    assert caught.value.fields["retry_after_s"] == 86400
    assert len(hub_server.requests) == 1


def test_a_cancel_ends_the_wait_for_a_busy_hub(hub: Hub, hub_server: HubServer) -> None:
    hub_server.fail_next(429, headers={"Retry-After": "120"})
    cancel = Cancel()

    def cancel_when_refused() -> None:
        wait_until(lambda: hub_server.requests)
        cancel.set()

    thread = threading.Thread(target=cancel_when_refused)
    thread.start()
    with pytest.raises(BuildCancelledError):
        hub.list_repo("o/m", cancel=cancel)
    thread.join()


def test_an_endpoint_that_can_not_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refuses
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("HF_ENDPOINT", url)
        with pytest.raises(FetchError, match=f"{url} can't be reached .* HF_ENDPOINT"):
            Hub(None, patience=QUICK).list_repo("o/m")


def test_an_endpoint_that_is_no_hub_is_named(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS})
    hub_server.fail_next(host="hub", body=b"<html>Please sign in to the hotel's network</html>")
    with pytest.raises(FetchError, match="answers like no Hugging Face Hub"):
        hub.list_repo("o/m")


@pytest.mark.parametrize("name", ["../x.gguf", "/etc/x.gguf", "a/../../x.gguf", "a\\x.gguf", "./x.gguf"])
def test_a_file_name_that_leaves_its_folder_is_refused(hub: Hub, hub_server: HubServer, name: str) -> None:
    hub_server.add_repo("o/m", {name: WEIGHTS})
    with pytest.raises(FetchError, match="a file named"):
        hub.list_repo("o/m")


def test_an_offline_hub_asks_nobody(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    hub = Hub(None, offline=True, patience=QUICK)

    with pytest.raises(FetchError, match=r'"o/m" is needed .* offline = false'):
        hub.list_repo("o/m")
    with pytest.raises(FetchError, match="offline"):
        hub.quantized_repos("o/m")
    assert not hub_server.requests


def test_huggingface_hubs_own_offline_switch_is_obeyed(hub_server: HubServer, tmp_path: Path) -> None:
    code = "from lsrv.frontdoor.hub import Hub; Hub(None).list_repo('o/m')"
    environment = hub_server.environment(tmp_path) | {"HF_HUB_OFFLINE": "1"}
    ended = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)
    assert "told to stay offline" in ended.stderr
    assert not hub_server.requests


def test_importing_the_hub_leaves_huggingface_hub_for_later() -> None:
    code = "import sys, lsrv.frontdoor.hub; print('huggingface_hub' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60).stdout == "False\n"


def test_a_token_source_is_read_from_where_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_TOKEN", " hf_env\n")
    (tmp_path / "token").write_text("hf_file\n")

    assert find_token("none") is None
    assert find_token("literal:hf_x") == "hf_x"
    assert find_token("env:MY_TOKEN") == "hf_env"
    assert find_token(f"path:{tmp_path}/token") == "hf_file"
    with pytest.raises(ConfigError, match="MY_OTHER_TOKEN is not set"):
        find_token("env:MY_OTHER_TOKEN")
    with pytest.raises(ConfigError, match="No such file"):
        find_token(f"path:{tmp_path}/none")


def test_a_log_in_is_checked_and_kept_where_hugging_face_tools_look(hub_server: HubServer, tmp_path: Path) -> None:
    hub_server.add_token("hf_mine")
    code = "import sys; from lsrv.frontdoor.hub import log_in; print(log_in(sys.argv[1]))"

    def log_in(token: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", code, token]
        environment = hub_server.environment(tmp_path)
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    assert "does not accept the token" in log_in("hf_wrong").stderr
    assert not (tmp_path / "token").exists()
    assert log_in("hf_mine").stdout == f"{tmp_path / 'token'}\n"
    assert (tmp_path / "token").read_text() == "hf_mine"


def test_a_listing_without_end_is_refused_and_not_kept(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("o/m", {"m.gguf": b"x"})
    hub_server.fail_next(body=b" " * (40 << 20))
    with pytest.raises(FetchError, match="a listing of more than 33554432 bytes"):
        hub.list_repo("o/m")


def test_a_repository_with_files_without_number_is_refused(hub: Hub, hub_server: HubServer) -> None:
    files = b",".join(b'{"rfilename":"%d","size":1}' % index for index in range(100_001))
    hub_server.fail_next(body=b'{"id":"o/m","sha":"' + b"a" * 40 + b'","siblings":[' + files + b"]}")
    with pytest.raises(FetchError, match="more than 100000 files"):
        hub.list_repo("o/m")


def test_a_listing_that_drips_is_given_up(hub_server: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub_server.url)
    hub_server.add_repo("o/m", {"m.gguf": b"x"})
    hub = Hub(None, patience=replace(QUICK, answer_timeout_s=0.0))
    with pytest.raises(FetchError, match="takes more than 0 s for an answer"):
        hub.list_repo("o/m")


def test_a_refusal_without_end_is_told_in_one_line(hub: Hub, hub_server: HubServer) -> None:
    hub_server.fail_next(400, body=b"no " * (8 << 20), times=9)
    with pytest.raises(FetchError) as caught:
        hub.list_repo("o/m")
    assert "no no" in caught.value.message
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    "body", [b"[]", b'"x"', b'{"error": 5, "errors": 3}', b'{"errors": [1]}', b"[" * 5000, b"\xff\xfe", b"", b"<html>"]
)
def test_a_refusal_of_any_shape_is_an_error_of_ours(hub: Hub, hub_server: HubServer, body: bytes) -> None:
    hub_server.fail_next(400, body=body, times=9)
    with pytest.raises(FetchError, match="answered 400"):
        hub.list_repo("o/m")


@pytest.mark.parametrize("location", ["http://[", "http://a:b/c", "http://\x7f/", "ftp://x/y"])
def test_a_redirect_to_what_is_no_address_is_refused(hub: Hub, hub_server: HubServer, location: str) -> None:
    hub_server.fail_next(body=b"", headers={"Location": location}, status=302, times=9)
    with pytest.raises(FetchError):
        hub.list_repo("o/m")


@pytest.mark.parametrize("status", [304, 302])
def test_a_status_that_is_neither_an_answer_nor_a_refusal_is_refused(
    hub: Hub, hub_server: HubServer, status: int
) -> None:
    hub_server.fail_next(status, body=b"", times=9)
    with pytest.raises(FetchError, match=f"the status {status}"):
        hub.list_repo("o/m")


def test_an_answer_in_an_encoding_that_nobody_asked_for_is_refused(hub: Hub, hub_server: HubServer) -> None:
    hub_server.fail_next(body=b"x", headers={"Content-Encoding": "br"})
    with pytest.raises(FetchError, match="encoding br"):
        hub.list_repo("o/m")


def test_a_part_that_begins_behind_what_was_asked_for_is_refused(hub: Hub, hub_server: HubServer) -> None:
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS})
    repo = hub.list_repo("o/m")
    hub_server.fail_next(
        206, host="storage", headers={"Content-Range": f"bytes 100-199/{len(WEIGHTS)}"}, body=b"x" * 99
    )
    with pytest.raises(FetchError, match="from byte 100 on"):
        hub.read_range(repo, repo.files[0], 8, 16)


def test_no_log_line_or_traceback_tells_a_signed_address(hub_server: HubServer) -> None:
    hub_server.add_repo("o/m", {"m.gguf": WEIGHTS})
    code = (
        "import logging; from lsrv import log; from lsrv.frontdoor.hub import Hub; log.configure(level=logging.DEBUG)\n"
        "hub = Hub(None); repo = hub.list_repo('o/m')\n"
        "assert len(hub.read_range(repo, repo.files[0], 0, 8)) == 8\n"
        "try: hub.read_range(repo, repo.files[0], 0, 8)\n"
        "except Exception: logging.exception('refused')\n"
    )
    hub_server.fail_next(host="storage", hold_after=None)
    hub_server.fail_next(403, host="storage")
    environ = {**os.environ, "HF_ENDPOINT": hub_server.url}
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "refused" in done.stderr
    assert hub_server.asked("/blobs/")[0].query["Signature"]
    assert "Signature" not in done.stderr
