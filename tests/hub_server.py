"""A Hugging Face Hub on loopback: the routes that huggingface_hub 2.4 calls, and faults on demand.

    GET       /api/models                          search: filter, author, search, sort, limit, cursor (Link: next)
    GET       /api/models/{id}[/revision/{rev}]    ?blobs=true adds sizes and hashes
    GET       /api/models/{id}/tree/{rev}[/{dir}]  ?recursive, cursor
    GET       /api/whoami-v2
    GET HEAD  /{id}/resolve/{rev}/{name}           small files: the bytes. LFS files: 302 to the storage host
    GET HEAD  (storage host) /blobs/{sha256}       Range, If-Range; its ETag is not the Hub's, and it refuses a token

The storage host is another port, thus another origin. Source of headers and errors: huggingface_hub's
`hf_raise_for_status` and `get_hf_file_metadata`.
"""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from tests.hub_repos import Repo, StoredFile, make_repo, stored_file

Host = Literal["hub", "storage"]
_API = re.compile(
    r"/api/models/(?P<repo>[^/]+/[^/]+)(?:/(?P<kind>revision|tree)/(?P<revision>[^/]+)(?:/(?P<rest>.*))?)?"
)
_RESOLVE = re.compile(r"/(?P<repo>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<name>.+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")
_CHUNK_BYTES = 16 * 1024


@dataclass
class Request:
    """What a client asked, and how many bytes of body it was sent for it."""

    host: Host
    method: str
    path: str  # without the query
    query: dict[str, list[str]]
    headers: dict[str, str]  # names in lower case
    status: int = 0
    n_bytes_sent: int = 0


@dataclass
class Fault:
    """What happens to the next `times` requests whose path contains `path`."""

    path: str = ""
    method: str = "GET"
    host: Host | None = None
    times: int = 1
    status: int | None = None  # answer this instead
    body: bytes | None = None  # answer these bytes instead
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    cut_after: int | None = None  # end the connection after that many bytes of body
    hold_after: int | None = None  # send that many bytes of body, then nothing more until `HubServer.release()`
    ignore_range: bool = False  # answer 200 and everything

    def applies_to(self, request: Request) -> bool:
        is_host = self.host in (None, request.host)
        return self.times > 0 and is_host and self.method == request.method and self.path in request.path


@dataclass(frozen=True)
class Answer:
    """A response before faults are applied."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])


class HubServer:
    """Both hosts, in threads of this process. A context manager; `url` has no trailing slash."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.tokens: dict[str, set[str]] = {}  # token -> gated and private repositories it may read
        self.requests: list[Request] = []
        self.page_size = 1000
        self._renamed: dict[str, str] = {}
        self._stored: dict[str, StoredFile] = {}
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._is_held_broken = False
        self._servers: dict[Host, _Listener] = {
            "hub": _Listener(self, "hub"),
            "storage": _Listener(self, "storage"),
        }
        self.url = f"http://127.0.0.1:{self._servers['hub'].server_port}"
        self.storage_url = f"http://127.0.0.1:{self._servers['storage'].server_port}"

    def __enter__(self) -> HubServer:
        for server in self._servers.values():
            threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
        for server in self._servers.values():
            server.shutdown()
            server.server_close()

    def environment(self, home: Path) -> dict[str, str]:
        """Variables that point huggingface_hub and lsrv at this server and at a cache below `home`."""
        return {"HF_ENDPOINT": self.url, "HF_HOME": str(home), "HF_HUB_CACHE": str(home / "hub"), "HF_TOKEN": ""}

    def add_repo(self, repo_id: str, files: Mapping[str, bytes | Path], **options: Any) -> Repo:
        """Options: base_model, gated, private, downloads, tags, pipeline_tag, library."""
        self.repos[repo_id] = make_repo(repo_id, files, **options)
        self._store(self.repos[repo_id].files.values())
        return self.repos[repo_id]

    def commit(self, repo_id: str, files: Mapping[str, bytes | Path]) -> Repo:
        """Add or replace files; the commit changes, the old one is gone."""
        changed = [stored_file(name, content) for name, content in files.items()]
        self._store(changed)
        self.repos[repo_id].commit_files(changed)
        return self.repos[repo_id]

    def swap_bytes(self, repo_id: str, name: str, data: bytes) -> None:
        """Serve other bytes (and another storage ETag) where the Hub still promises the old hash."""
        self._stored[self.repos[repo_id].files[name].sha256] = stored_file(name, data)

    def add_token(self, token: str, may_read: Iterable[str] = ()) -> None:
        self.tokens[token] = set(may_read)

    def rename(self, old_id: str, new_id: str) -> None:
        """The Hub answers 307 for the old id."""
        repo = self.repos.pop(old_id)
        repo.repo_id = new_id
        self.repos[new_id] = repo
        self._renamed[old_id] = new_id

    def fail_next(self, status: int | None = None, **options: Any) -> Fault:
        """Options are Fault's fields. Faults wait in order; each request meets at most one."""
        fault = Fault(status=status, **options)
        with self._lock:
            self._faults.append(fault)
        return fault

    def release(self) -> None:
        """Let every held response go on, now and later."""
        self._released.set()

    def break_held(self) -> None:
        """End the connections of held responses, now and later."""
        self._is_held_broken = True
        self._released.set()

    def forget_faults(self) -> None:
        """Answer everything properly from now on."""
        with self._lock:
            self._faults.clear()

    def asked(self, path: str, method: str = "GET", host: Host | None = None) -> list[Request]:
        """Requests so far whose path contains `path`."""
        with self._lock:
            return [
                each
                for each in self.requests
                if path in each.path and each.method == method and host in (None, each.host)
            ]

    def n_bytes_sent(self, path: str = "/blobs/") -> int:
        """Bytes of body sent for such requests."""
        return sum(each.n_bytes_sent for each in self.asked(path))

    def _store(self, files: Iterable[StoredFile]) -> None:
        self._stored |= {file.sha256: file for file in files}

    # -- called by the handler's threads ---------------------------------------------------------------------------

    def begin(self, request: Request) -> Fault | None:
        """Log the request; the fault it meets."""
        with self._lock:
            self.requests.append(request)
            fault = next((each for each in self._faults if each.applies_to(request)), None)
            if fault is not None:
                fault.times -= 1
            return fault

    def hold(self) -> None:
        """Until released; raises ConnectionError if the connection is to end there."""
        self._released.wait()
        if self._is_held_broken:
            raise ConnectionError("broken off")

    def answer(self, request: Request) -> Answer:
        if request.host == "storage":
            return self._blob(request)
        if request.path == "/api/models":
            return self._search(request)
        if request.path == "/api/whoami-v2":
            token = _token(request)
            known = {"type": "user", "name": "somebody", "auth": {"accessToken": {"role": "read"}}}
            return _json(known) if token in self.tokens else _error(401, message="Invalid username or password.")
        if match := _API.fullmatch(request.path):
            return self._api(request, match)
        if match := _RESOLVE.fullmatch(request.path):
            return self._resolve(request, match)
        return _error(404, message="Sorry, we can't find the page you are looking for.")

    def _api(self, request: Request, match: re.Match[str]) -> Answer:
        found = self._readable(request, match["repo"], metadata_only=True)
        if isinstance(found, Answer):
            return found
        commit = found.commit_of(unquote(match["revision"] or "main"))
        if commit is None:
            return _error(404, "RevisionNotFound", f"Invalid rev id: {match['revision']}")
        if match["kind"] != "tree":
            with_blobs = request.query.get("blobs", ["false"])[0].lower() == "true"
            return _json(found.information(with_blobs))
        folder = f"{unquote(match['rest'])}/" if match["rest"] else ""
        files = [file for file in found.files.values() if file.name.startswith(folder)]
        return self._page(request, [file.tree_entry() for file in files])

    def _search(self, request: Request) -> Answer:
        def wanted(repo: Repo) -> bool:
            has_tags = set(request.query.get("filter", [])) <= set(repo.all_tags)
            is_owner = (
                request.query.get("author", [repo.repo_id.partition("/")[0]])[0] == repo.repo_id.partition("/")[0]
            )
            return has_tags and is_owner and request.query.get("search", [""])[0].lower() in repo.repo_id.lower()

        found = [repo for repo in self.repos.values() if wanted(repo) and not repo.private]
        if request.query.get("sort", [""])[0] == "downloads":
            found.sort(key=lambda repo: repo.downloads, reverse=True)
        information = [repo.information(with_blobs=False) for repo in found]
        asked = set(request.query.get("expand", []))
        if asked:
            kept = {"_id", "id", "modelId", *asked}
            information = [{key: value for key, value in each.items() if key in kept} for each in information]
        return self._page(request, information, int(request.query.get("limit", [self.page_size])[0]))

    def _page(self, request: Request, items: list[Any], limit: int | None = None) -> Answer:
        start, size = int(request.query.get("cursor", ["0"])[0]), min(limit or self.page_size, self.page_size)
        end, query = start + size, request.query | {"cursor": [str(start + size)]}
        following = f'<{self.url}{request.path}?{urlencode(query, doseq=True)}>; rel="next"'
        return _json(items[start:end], {"Link": following} if end < len(items) else {})

    def _resolve(self, request: Request, match: re.Match[str]) -> Answer:
        found = self._readable(request, match["repo"], metadata_only=False)
        if isinstance(found, Answer):
            return found
        commit = found.commit_of(unquote(match["revision"]))
        if commit is None:
            return _error(404, "RevisionNotFound", f"Invalid rev id: {match['revision']}")
        headers = {"X-Repo-Commit": commit, "Accept-Ranges": "bytes"}
        file = found.files.get(unquote(match["name"]))
        if file is None:
            return _error(404, "EntryNotFound", "Entry not found", headers)
        if not file.is_lfs:
            return _ranged(request, self._stored[file.sha256], file.etag, headers)
        linked = {"X-Linked-Size": str(len(file.data)), "X-Linked-ETag": f'"{file.etag}"', "ETag": f'"{file.etag}"'}
        location = f"{self.storage_url}/blobs/{file.sha256}?Signature=of-{found.repo_id.replace('/', '-')}"
        return Answer(302, b"Found. Redirecting", headers | linked | {"Location": location})

    def _blob(self, request: Request) -> Answer:
        if "authorization" in request.headers:
            return _error(400, message="Only one auth mechanism allowed")  # as S3 says to a token beside a signature
        if "Signature" not in request.query:
            return _error(403, message="Missing signature")
        file = self._stored.get(request.path.removeprefix("/blobs/"))
        return _error(404) if file is None else _ranged(request, file, file.storage_etag, {"Accept-Ranges": "bytes"})

    def _readable(self, request: Request, repo_id: str, metadata_only: bool) -> Repo | Answer:
        """The repository, or why not. A gated one shows its file names to everybody, and its files to members."""
        token = _token(request)
        if token and token not in self.tokens:
            return _error(401, message="Invalid credentials in Authorization header")
        if repo_id in self._renamed:
            query = f"?{urlencode(request.query, doseq=True)}" if request.query else ""
            return Answer(307, b"", {"Location": request.path.replace(repo_id, self._renamed[repo_id], 1) + query})
        repo = self.repos.get(repo_id)
        is_member = repo_id in self.tokens.get(token, ())
        if repo is None or (repo.private and not is_member):
            return _error(404 if token else 401, "RepoNotFound", "Repository not found")
        if repo.gated and not is_member and not metadata_only:
            return _error(403 if token else 401, "GatedRepo", f"Access to model {repo_id} is restricted.")
        return repo


class _Listener(ThreadingHTTPServer):
    """One of the two hosts."""

    daemon_threads = True

    def __init__(self, hub: HubServer, host: Host) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.hub = hub
        self.host = host

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away, or are killed, are what tests are about; anything else is our own mistake."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.server.host, self.command, url.path, parse_qs(url.query), headers)
        fault = self.server.hub.begin(request) or Fault()
        if fault.ignore_range:
            headers.pop("range", None)
        answer = self.server.hub.answer(request)
        if fault.status is not None:
            answer = _error(fault.status, message="On demand")
        if fault.body is not None:
            answer = Answer(fault.status or 200, fault.body)
        self._send(request, answer, fault)

    do_HEAD = do_GET

    def _send(self, request: Request, answer: Answer, fault: Fault) -> None:
        request.status = answer.status
        self.send_response(answer.status)
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers, **fault.headers}.items():
            self.send_header(name, value)
        try:
            self.end_headers()
            if self.command == "GET":
                self._send_body(request, answer.body, fault)
        except ConnectionError:  # the client has gone
            self.close_connection = True

    def _send_body(self, request: Request, body: bytes, fault: Fault) -> None:
        if fault.cut_after is not None:
            self._write(request, body[: fault.cut_after])
            self.close_connection = True
        elif fault.hold_after is not None:
            self._write(request, body[: fault.hold_after])
            self.server.hub.hold()
            self._write(request, body[fault.hold_after :])
        else:
            self._write(request, body)

    def _write(self, request: Request, body: bytes) -> None:
        for start in range(0, len(body), _CHUNK_BYTES):
            chunk = body[start : start + _CHUNK_BYTES]
            self.wfile.write(chunk)
            request.n_bytes_sent += len(chunk)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _token(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _json(value: object, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(200, json.dumps(value).encode(), {"Content-Type": "application/json", **(headers or {})})


def _error(status: int, code: str = "", message: str = "", headers: Mapping[str, str] | None = None) -> Answer:
    named = {"X-Error-Code": code} if code else {}
    body = json.dumps({"error": message}).encode()
    return Answer(status, body, {**(headers or {}), **named, "X-Error-Message": message})


def _ranged(request: Request, file: StoredFile, etag: str, headers: Mapping[str, str]) -> Answer:
    """The bytes asked for (RFC 9110 §14): a Range counts only while If-Range names this version."""
    size = len(file.data)
    found = {**headers, "ETag": f'"{etag}"'}
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    if match is None or request.headers.get("if-range", f'"{etag}"') != f'"{etag}"':
        return Answer(200, file.data, found)
    first, last = int(match[1]), min(int(match[2] or size), size - 1)
    if first > last:
        return Answer(416, b"", found | {"Content-Range": f"bytes */{size}"})
    return Answer(206, file.data[first : last + 1], found | {"Content-Range": f"bytes {first}-{last}/{size}"})
