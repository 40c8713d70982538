"""Templates whose single steps are all short: an alarm, which runs between steps only, is enough to stop them.

Most chats are short and most templates simple: those are rendered at once, without another process. Whether a template
is one of them is read off its tree. Everything is refused that could take long or grow without end in one step:

1. Operators and filters that multiply (`*`, `**`, `join`, `replace` by more, a format by `%`), macros and blocks.
2. Text or lists that grow by themselves, again and again: sums of variables that are assigned, and then summed again.
3. Lists and objects made of variables, which can be doubled inside of each other without growing.
"""

from __future__ import annotations

import contextlib
import math
import signal
from collections.abc import Generator, Sequence
from types import FrameType

from jinja2 import TemplateSyntaxError, nodes

from lsrv.chat.templates.chat import Chat
from lsrv.chat.templates.environment import tree_of
from lsrv.chat.templates.prompt import Prompter
from lsrv.chat.templates.template import ChatTemplate

_LIMIT_S = 0.02
_MAX_SOURCE = 64 * 1024
_MAX_TEXT = 1024 * 1024
_MAX_GROWTH = 64

_STATEMENTS = (nodes.Template, nodes.Output, nodes.If, nodes.Scope, nodes.Continue, nodes.Break, nodes.Keyword)
_VALUES = (nodes.TemplateData, nodes.Const, nodes.Name, nodes.NSRef, nodes.Getattr, nodes.Getitem, nodes.Slice)
_CHOICES = (nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.CondExpr, nodes.Test, nodes.Neg)
_SUMS = (nodes.Add, nodes.Sub, nodes.Concat)
_LITERALS = (nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair)
_FILTERS = frozenset(
    {"capitalize", "count", "d", "default", "first", "int", "items", "last", "length", "list", "lower", "rejectattr"}
    | {"reverse", "safe", "selectattr", "string", "title", "tojson", "trim", "upper"}
)
_WRITERS = frozenset({"string", "tojson"})  # escapes in what they write double each time
_METHODS = frozenset(
    {"capitalize", "endswith", "get", "items", "keys", "lower", "lstrip", "rstrip", "split", "startswith", "strip"}
    | {"title", "upper", "values"}
)
_FUNCTIONS = frozenset({"namespace", "raise_exception", "range"})


def is_plain(source: str) -> bool:
    """Whether no single step of a template can be long, for short messages; nor can reading it be, then."""
    if len(source) > _MAX_SOURCE:
        return False
    try:
        tree = tree_of(source)
    except (TemplateSyntaxError, RecursionError):
        return False
    return all(map(_is_short, _all_nodes(tree))) and _growth(tree) <= _MAX_GROWTH


class PlainTemplate:
    """Renders a template that is plain, in the main thread."""

    def __init__(self, template: ChatTemplate) -> None:
        """Takes SIGALRM for itself. Raises ValueError off the main thread."""
        self._template = template
        self._prompter = Prompter(self._text)
        signal.signal(signal.SIGALRM, _on_alarm)

    def render(self, chat: Chat) -> str | None:
        """The prompt of a short chat; None if that is more work than it seemed, or fails in any way."""
        try:
            return self._prompter.prompt(chat)
        except Exception:  # noqa: BLE001 - a stranger's code may raise anything; who renders it again tells what
            return None

    @property
    def prompter(self) -> Prompter:
        """What renders it, and raises TimeoutError where that is more work than it seemed."""
        return self._prompter

    def _text(self, chat: Chat, asks: bool) -> str:
        pieces: list[str] = []
        n_left = _MAX_TEXT
        with _alarm(_LIMIT_S):
            for piece in self._template.pieces(chat, asks=asks):
                n_left -= len(piece)
                if n_left < 0:
                    raise TimeoutError
                pieces.append(piece)
        text = "".join(pieces)
        text.encode()  # what is no Unicode goes nowhere
        return text


@contextlib.contextmanager
def _alarm(limit_s: float) -> Generator[None]:
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _on_alarm(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError


def _all_nodes(tree: nodes.Node) -> Generator[nodes.Node]:
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending += node.iter_child_nodes()


def _is_short(node: nodes.Node) -> bool:
    match node:
        case nodes.For():
            return not node.recursive
        case nodes.Assign():
            return True
        case nodes.Mod():
            return _is_of_loop(node.left) and isinstance(node.right, nodes.Const)
        case nodes.Filter():
            return node.name in _FILTERS and _has_plain_arguments(node)
        case nodes.Call():
            return _is_short_call(node)
        case _:
            return isinstance(node, _STATEMENTS + _VALUES + _CHOICES + _SUMS) or _is_literal(node)


def _is_short_call(call: nodes.Call) -> bool:
    match call.node:
        case nodes.Name(name=name):
            is_date = name == "strftime_now" and _is_date_format(call.args)
            return (name in _FUNCTIONS or is_date) and not _has_unpacked(call)
        case nodes.Getattr(attr=attr):
            return attr in _METHODS and _has_plain_arguments(call)
        case _:
            return False


def _has_plain_arguments(node: nodes.Filter | nodes.Call) -> bool:
    values = [*node.args, *(each.value for each in node.kwargs)]
    return not _has_unpacked(node) and all(_is_small(value) for value in values)


def _is_small(value: nodes.Node) -> bool:
    return isinstance(value, nodes.Const) and not (isinstance(value.value, int) and value.value > _MAX_GROWTH)


def _has_unpacked(node: nodes.Filter | nodes.Call) -> bool:
    return node.dyn_args is not None or node.dyn_kwargs is not None


def _is_date_format(arguments: Sequence[nodes.Node]) -> bool:
    """A width in it ("%9999999d") would be filled with zeros."""
    return all(
        isinstance(each, nodes.Const) and str(each.value).isprintable() and not _digits(each) for each in arguments
    )


def _digits(value: nodes.Const) -> bool:
    return any(character.isdigit() for character in str(value.value))


def _is_of_loop(node: nodes.Node) -> bool:
    """A counter: of text `%` would make a format."""
    return isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and node.node.name == "loop"


def _is_literal(node: nodes.Node) -> bool:
    if not isinstance(node, _LITERALS):
        return False
    return all(isinstance(inner, (nodes.Const, nodes.Pair)) or _is_target(inner) for inner in node.iter_child_nodes())


def _is_target(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Name) and node.ctx == "store"


def _growth(tree: nodes.Template) -> float:
    """How many times as long as its parts a value can be that is assigned; infinite where loops may pile it up."""
    assigned = [each.node for each in tree.find_all(nodes.Assign)]
    growth = math.prod(_growth_of(inner) for value in assigned for inner in _all_nodes(value))
    is_piling_up = growth > 1 and any(isinstance(each.target, nodes.NSRef) for each in tree.find_all(nodes.Assign))
    return math.inf if is_piling_up else growth


def _growth_of(node: nodes.Node) -> int:
    match node:
        case nodes.Add():
            parts: list[nodes.Expr] = [node.left, node.right]
        case nodes.Concat():
            parts = node.nodes
        case nodes.Filter():
            return 2 if node.name in _WRITERS else 1
        case _:
            return 1
    return max(1, sum(not isinstance(part, nodes.Const) for part in parts))
