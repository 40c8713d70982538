"""How the files of the page are served, and what is among them."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
import runpy
from pathlib import Path

import pytest

import lsrv
from lsrv.web import file_names, page_file
from tests.conftest import SharedServer, StartServer

ROOT = Path(lsrv.__file__).parents[1]
STATIC = ROOT / "lsrv/web/static"
MAX_ALL_BYTES = 400_000
MAX_FIRST_BYTES = 100_000


def first_modules() -> list[str]:
    found: list[str] = runpy.run_path(str(ROOT / "packaging/web/first_paint.py"))["first_modules"]()
    return found


@pytest.mark.parametrize("path", ["/", "/ui"])
def test_the_page_runs_nothing_but_its_own_files(server: SharedServer, path: str) -> None:
    answer = server.http.get(path)
    policy = answer.headers["content-security-policy"]
    assert answer.text.startswith("<!doctype html>")
    assert "default-src 'none'" in policy and "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert "set-cookie" not in answer.headers


def test_no_file_names_another_host_to_be_asked() -> None:
    fetched = re.compile(r"""(?:src|href|from|import\(|url\()\s*=?\s*["'(]*https?://""")
    for name in file_names() - {"vendor/licences.txt", "vendor/vendored.json"}:
        assert not fetched.search(page_file(name).body.decode()), name


def test_a_file_that_a_browser_has_is_not_sent_again(server: SharedServer) -> None:
    first = server.http.get("/ui/app.js", headers={"accept-encoding": "gzip"})
    again = {"accept-encoding": "gzip", "if-none-match": f'"other", W/{first.headers["etag"]}'}
    second = server.http.get("/ui/app.js", headers=again)
    assert (second.status_code, second.content, second.headers["etag"]) == (304, b"", first.headers["etag"])
    assert server.http.get("/ui/app.js", headers={"if-none-match": '"other"'}).status_code == 200


def test_a_file_is_compressed_for_those_who_take_that(server: SharedServer) -> None:
    tags: set[str] = set()
    for accepted, encoding in (
        ("gzip, br", "gzip"),
        ("identity", None),
        ("gzip;q=0", None),
        ("br;q=1.0, gzip;q=0.8", "gzip"),
    ):
        answer = server.http.get("/ui/app.js", headers={"accept-encoding": accepted})
        assert answer.headers.get("content-encoding") == encoding
        assert answer.content == page_file("app.js").body
        assert answer.headers["vary"] == "accept-encoding"
        tags.add(answer.headers["etag"])
    assert len(tags) == 2


def test_types_are_those_that_browsers_insist_on(server: SharedServer) -> None:
    for name, media_type in (
        ("app.js", "text/javascript"),
        ("style/tokens.css", "text/css"),
        ("icon.svg", "image/svg+xml"),
    ):
        assert server.http.get(f"/ui/{name}").headers["content-type"].startswith(media_type)


@pytest.mark.parametrize(
    "name", ["nothing.js", "../__init__.py", "..%2f__init__.py", "vendor", "/etc/passwd", "app.js%00"]
)
def test_what_is_no_file_of_the_page_is_a_404(server: SharedServer, name: str) -> None:
    answer = server.http.get(f"/ui/{name}")
    assert answer.status_code in (400, 404) and "error" in answer.json()


def test_a_slash_behind_the_address_leads_to_where_the_files_are_found(server: SharedServer) -> None:
    answer = server.http.get("/ui/")
    assert (answer.status_code, answer.headers["location"]) == (307, "../ui")


def test_no_ui_serves_no_page_and_leads_to_the_reference(start_server: StartServer) -> None:
    own = start_server(server={"no_ui": True})
    assert [own.http.get(path).status_code for path in ("/ui", "/ui/app.js")] == [404, 404]
    answer = own.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "docs")


def test_the_page_is_light() -> None:
    def weight(names: set[str]) -> int:
        return sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in names)

    sent = {name for name in file_names() if not name.endswith((".txt", ".json"))}
    styles = {name for name in sent if name.endswith(".css")}
    assert weight(sent) <= MAX_ALL_BYTES
    assert weight({"index.html", "icon.svg", "app.js", *styles, *first_modules()}) <= MAX_FIRST_BYTES


def test_the_page_names_all_that_its_first_paint_needs() -> None:
    page = (STATIC / "index.html").read_text()
    told = re.findall(r'modulepreload" href="ui/([^"]+)"', page)
    assert told == first_modules(), "python packaging/web/first_paint.py writes them"


def test_vendored_libraries_are_what_their_list_says() -> None:
    listed = json.loads((STATIC / "vendor/vendored.json").read_text())
    digests = {name: digest for library in listed for name, digest in library["files"].items()}
    there = {path.relative_to(STATIC / "vendor").as_posix(): path for path in (STATIC / "vendor").rglob("*.js")}
    assert digests == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in there.items()}
    licences = (STATIC / "vendor/licences.txt").read_text()
    assert all(f"{library['package']} {library['version']}" in licences for library in listed)
