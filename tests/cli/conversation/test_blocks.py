"""Where a growing Markdown text may be cut."""

from __future__ import annotations

import pytest

from lsrv.cli.conversation.blocks import cut


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("One line", ""),
        ("One paragraph.\n\nThe next", "One paragraph.\n\n"),
        ("Code:\n\n```py\na\n\nb\n", "Code:\n\n"),
        ("```py\na\n\nb\n```\n\nText", "```py\na\n\nb\n```\n\n"),
        ("````\n```\n\n", ""),
        ("~~~\n```\n\n~~~\n\nx", "~~~\n```\n\n~~~\n\n"),
        ("a\n \nb", "a\n \n"),
    ],
)
def test_only_whole_blocks_are_cut_off_and_code_is_one(text: str, whole: str) -> None:
    assert text[: cut(text)] == whole
