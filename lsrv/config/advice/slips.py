"""What usually makes a text no TOML or no JSON, told in a sentence: a parser only says where it stumbled. Pure."""

from __future__ import annotations

import re

_TYPOGRAPHIC = re.compile("[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]")
_BACKSLASH = re.compile(r'"[^"]*\\[^"]*"')
_UNQUOTED = re.compile(r"""^\s*(?P<key>[\w."'-]+)\s*=\s*(?P<text>[^\s"'\[{#][^#]*?)\s*(?:#.*)?$""")
_PYTHON_WORDS = {
    "True": "true",
    "False": "false",
    "None": "nothing: remove the line",
    "null": "nothing: remove the line",
}
_COLON = re.compile(r"^\s*[\w-]+\s*:\s")


def toml_slip(line: str) -> str:
    """What to do about a line that is no TOML; "" where nobody can tell."""
    if _TYPOGRAPHIC.search(line):
        return 'write straight quotes (") instead of typographic ones'
    if _BACKSLASH.search(line):
        return "a backslash begins an escape here; write the path with /, or in single quotes ('C:\\models\\a.gguf')"
    if re.match(r"\s*(//|/\*|--|;)", line):
        return "a comment begins with #"
    if unquoted := _UNQUOTED.match(line):
        key, text = unquoted["key"], unquoted["text"].rstrip(",;")
        if re.fullmatch(r"[-+\d_.,:]+", text):
            return ""  # a number that is none: the parser's words are the better ones
        if text in _PYTHON_WORDS:
            return f"TOML writes {_PYTHON_WORDS[text]}"
        return f'text stands in quotes: {key} = "…"'
    if _COLON.match(line):
        return "that is YAML; TOML writes key = value"
    if re.match(r'\s*["\'{]', line) and ":" in line:
        return "that is JSON; TOML writes key = value"
    return ""


def json_slip(text: str, line: str, column: int) -> str:
    """What to do about a JSON text with an error in `line`, at the 1-based `column`; "" where nobody can tell."""
    rest = line[column - 1 :].lstrip()
    if rest.startswith(("//", "#", "/*")):
        return "JSON has no comments; remove them, or write a models.toml, which has"
    if _TYPOGRAPHIC.search(line):
        return 'write straight quotes (") instead of typographic ones'
    if rest.startswith("'"):
        return 'text stands in double quotes (")'
    if rest.startswith(("}", "]")) or re.search(r",\s*[}\]]", text):
        return "nothing may follow the last comma; remove that comma"
    if _BACKSLASH.search(line):
        return "a backslash begins an escape here; write the path with /, or each backslash twice"
    return ""
