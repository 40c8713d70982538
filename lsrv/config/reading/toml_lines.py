"""Which line of a TOML text each table and key stands on (tomllib does not say). Pure.

Only for text that tomllib has read without an error: the scan follows the grammar (TOML 1.0) and checks nothing.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right

from lsrv.config.layer import KeyPath

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\n]+")
# Longest form first: a multi-line string ends at the last three of up to five quotes.
_STRING = re.compile(
    r'"""(?:[^"\\]|\\[\s\S]|"(?!""))*"""(?:"{0,2})'
    r"|'''(?:[^']|'(?!''))*'''(?:'{0,2})"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
)


def find_lines(text: str) -> dict[KeyPath, int]:
    """1-based line of every table, key and array element in `text`, which tomllib must have accepted."""
    return _Scan(text).run()


class _Scan:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self._lines: dict[KeyPath, int] = {}
        self._n_tables: dict[KeyPath, int] = {}  # [[array]] -> its tables so far

    def run(self) -> dict[KeyPath, int]:
        table: KeyPath = ()
        while self._skip_blank():
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._key_value(table)
        return self._lines

    def _header(self) -> KeyPath:
        line = self._line()
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        parts = self._key()
        self._at += 2 if is_array else 1
        path: KeyPath = ()
        for part in parts[:-1]:
            path = self._last_of((*path, part))
        path = (*path, parts[-1])
        if is_array:
            self._lines.setdefault(path, line)
            self._n_tables[path] = self._n_tables.get(path, 0) + 1
        path = self._last_of(path)
        self._lines.setdefault(path, line)
        return path

    def _last_of(self, path: KeyPath) -> KeyPath:
        """An [[array]] stands for its newest table."""
        return (*path, self._n_tables[path] - 1) if path in self._n_tables else path

    def _key_value(self, table: KeyPath) -> None:
        line = self._line()
        parts = self._key()
        self._at += 1  # the "="
        path = table
        for part in parts:
            path = (*path, part)
            self._lines.setdefault(path, line)
        self._value(path)

    def _key(self) -> list[str]:
        """A dotted key; stops behind it and the blanks that follow."""
        parts: list[str] = []
        while True:
            self._skip(_SPACE)
            parts.append(self._key_part())
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return parts
            self._at += 1

    def _key_part(self) -> str:
        bare = _BARE.match(self._text, self._at)
        if bare is not None:
            self._at = bare.end()
            return bare[0]
        quoted = self._skip(_STRING)
        return str(tomllib.loads(f"key = {quoted}")["key"])

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        opening = self._text[self._at]
        if opening == "[":
            self._array(path)
        elif opening == "{":
            self._inline_table(path)
        else:
            self._skip(_STRING if opening in "\"'" else _SCALAR)

    def _array(self, path: KeyPath) -> None:
        self._at += 1
        index = 0
        while self._skip_blank() and self._text[self._at] != "]":
            self._lines[(*path, index)] = self._line()
            self._value((*path, index))
            self._skip_comma()
            index += 1
        self._at += 1

    def _inline_table(self, path: KeyPath) -> None:
        self._at += 1
        while self._skip_blank() and self._text[self._at] != "}":
            self._key_value(path)
            self._skip_comma()
        self._at += 1

    def _skip_comma(self) -> None:
        if self._skip_blank() and self._text[self._at] == ",":
            self._at += 1

    def _skip(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise AssertionError(f"not TOML at offset {self._at}, yet tomllib took it")
        self._at = found.end()
        return found[0]

    def _skip_blank(self) -> bool:
        """Skip blanks, line ends and comments; whether anything follows."""
        self._skip(_BLANK)
        return self._at < len(self._text)

    def _line(self) -> int:
        return bisect_right(self._starts, self._at)
