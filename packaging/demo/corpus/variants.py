"""More ways to ask the same: the beginnings of questions that can stand for each other."""

from __future__ import annotations

import re

# A pattern of the whole question, and what it may become; {0} is what the pattern caught.
_RULES: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"what (?:is|are) (.+)", ("what's {0}", "explain {0}.", "tell me about {0}.", "can you explain {0}", "do you know what {0} is", "define {0}.")),
    (r"(?:explain|tell me about|define) (.+)\.", ("what is {0}", "what do you know about {0}", "can you tell me about {0}", "say something about {0}.")),
    (r"how (?:do|can) i (.+)", ("how do i {0}", "how can i {0}", "how to {0}", "how would i {0}", "i want to {0}. how", "what must i do to {0}",
                                "show me how to {0}.", "tell me how to {0}.")),
    (r"(?:can|could|may) i (.+)", ("is it possible to {0}", "am i able to {0}", "could i {0}", "may i {0}", "can one {0}")),
    (r"are you (.+)", ("so you are {0}", "is it true that you are {0}", "would you say you are {0}", "you are {0}, right", "are you really {0}")),
    (r"do you (.+)", ("is it true that you {0}", "would you say that you {0}", "do you really {0}", "can you say whether you {0}")),
    (r"does (?:lsrv|it) (.+)", ("can lsrv {0}", "will lsrv {0}", "does the server {0}", "is lsrv able to {0}", "does this program {0}")),
    (r"where (?:is|are) (.+)", ("where do i find {0}", "where can i find {0}", "where do i see {0}", "in which place is {0}", "i am looking for {0}.")),
    (r"(?:which|what) (\w+) (.+)", ("which {0} {1}", "what {0} {1}", "tell me which {0} {1}.", "do you know which {0} {1}", "say which {0} {1}.")),
    (r"who (.+)", ("tell me who {0}.", "do you know who {0}", "can you say who {0}", "i want to know who {0}.")),
    (r"how are (.+)", ("how are {0} doing", "tell me how {0} are.", "and how are {0}", "say, how are {0}")),
    (r"how (?:do|does) (.+)", ("tell me how {0}.", "can you say how {0}", "in what way do {0}")),
    (r"why (.+)", ("for what reason {0}", "can you tell me why {0}", "tell me why {0}.")),
)  # fmt: skip


def variants(ask: str) -> list[str]:
    """Other ways to put `ask`, by the first rule that knows its form; none for short calls such as "hello"."""
    for pattern, forms in _RULES:
        if found := re.fullmatch(pattern, ask):
            return [form.format(*found.groups()) for form in forms if form.format(*found.groups()) != ask]
    return []
