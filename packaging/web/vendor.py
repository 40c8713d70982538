"""`python packaging/web/vendor.py`: the libraries of the page, from npm's registry into lsrv/web/static/vendor.

One place names them with their versions: LIBRARIES. Each package is checked against the digest that the registry gives
for it. `vendored.json` then says what is there: package, version, licence, where from, and the SHA-256 of every file
as it is served; tests hold the files to it. Modules name each other by relative paths, for a strict content security
policy has no place for an import map, and a plain script gets a line that exports what it makes; nothing else changes.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
import urllib.request
from dataclasses import dataclass
from pathlib import Path

REGISTRY = "https://registry.npmjs.org"
VENDOR = Path(__file__).parents[2] / "lsrv/web/static/vendor"

LANGUAGES = (
    "bash",
    "cpp",
    "csharp",
    "css",
    "diff",
    "dockerfile",
    "go",
    "ini",
    "java",
    "javascript",
    "json",
    "kotlin",
    "lua",
    "markdown",
    "php",
    "python",
    "ruby",
    "rust",
    "sql",
    "swift",
    "typescript",
    "xml",
    "yaml",
)


@dataclass(frozen=True, slots=True)
class Library:
    """`files`: name here by name in the package. `licence_file`: where its text is. `exports`: the name that a plain
    script gives what it makes, which a line at its end exports.
    """

    package: str
    version: str
    files: dict[str, str]
    licence_file: str = "LICENSE"
    exports: str = ""


LIBRARIES = (
    Library("preact", "11.2.0", {"preact.js": "dist/preact.mjs", "preact-hooks.js": "hooks/dist/hooks.mjs"}),
    Library("@preact/signals-core", "1.14.5", {"signals-core.js": "dist/signals-core.mjs"}),
    Library("@preact/signals", "2.11.4", {"signals.js": "dist/signals.mjs"}),
    Library("htm", "3.1.1", {"htm.js": "dist/htm.mjs"}),
    Library("idb", "8.0.4", {"idb.js": "build/index.js"}),
    Library("marked", "18.2.1", {"marked.js": "lib/marked.esm.js"}),
    Library("dompurify", "3.5.0", {"dompurify.js": "dist/purify.es.mjs"}),
    Library(
        "@highlightjs/cdn-assets",
        "11.12.0",
        {"highlight/core.js": "es/core.min.js"}
        | {f"highlight/{name}.js": f"es/languages/{name}.min.js" for name in LANGUAGES},
    ),
    Library("temml", "0.13.5", {"temml.js": "dist/temml.min.js"}, exports="temml"),
)

# Names by which modules import each other -> the file here.
MODULES = {
    "preact": "preact.js",
    "preact/hooks": "preact-hooks.js",
    "@preact/signals-core": "signals-core.js",
}
_IMPORT = re.compile(rf"""(?P<head>\b(?:from|import)\s*)(?P<quote>["'])(?P<name>{"|".join(MODULES)})(?P=quote)""")
_MAP = re.compile(r"^//# sourceMappingURL=.*$", re.MULTILINE)


def main() -> None:
    listed: list[dict[str, object]] = []
    licences: list[str] = []
    for library in LIBRARIES:
        package, manifest = _download(library)
        files: dict[str, str] = {}
        for name, path in library.files.items():
            text = _MAP.sub("", _relative(package[path].decode())).rstrip() + "\n"
            text += f"export default {library.exports};\n" if library.exports else ""
            target = VENDOR / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            files[name] = hashlib.sha256(text.encode()).hexdigest()
        licence = str(manifest["license"])
        listed.append(
            {
                "package": library.package,
                "version": library.version,
                "licence": licence,
                "source": manifest["dist"]["tarball"],
                "integrity": manifest["dist"]["integrity"],
                "files": files,
            }
        )
        licences.append(f"{library.package} {library.version} ({licence})\n\n{package[library.licence_file].decode()}")
        print(f"{library.package} {library.version}: {len(files)} files")
    (VENDOR / "vendored.json").write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    (VENDOR / "licences.txt").write_text(f"\n{'-' * 80}\n".join(licences), encoding="utf-8")


def _download(library: Library) -> tuple[dict[str, bytes], dict[str, dict[str, str]]]:
    """The files of a package by their paths in it, and what the registry says of it."""
    manifest = json.loads(_get(f"{REGISTRY}/{library.package}/{library.version}"))
    packed = _get(manifest["dist"]["tarball"])
    algorithm, _, wanted = manifest["dist"]["integrity"].partition("-")
    found = base64.b64encode(hashlib.new(algorithm, packed).digest()).decode()
    if found != wanted:
        raise SystemExit(f"{library.package}: what came is not what the registry says ({found} instead of {wanted})")
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {
            member.name.partition("/")[2]: content.read()
            for member in archive
            if member.isfile() and (content := archive.extractfile(member)) is not None
        }
    return files, manifest


def _get(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def _relative(text: str) -> str:
    """Imports by the paths of the files here: whoever imports one stands in the same folder."""
    return _IMPORT.sub(lambda found: f"{found['head']}{found['quote']}./{MODULES[found['name']]}{found['quote']}", text)


if __name__ == "__main__":
    main()
