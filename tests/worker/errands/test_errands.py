from __future__ import annotations

import json
import resource
import select
import sys
import time
from collections.abc import Callable, Iterator

import msgspec
import pytest

from lsrv.chat.format.answer_format import AnswerFormat
from lsrv.chat.templates.chat import Chat
from lsrv.errors import GrammarError, LoadFailedError, LsrvError, RequestError
from lsrv.protocol.commands import Grammar, GrammarKind
from lsrv.worker.errands.errand import Compile, Errand, Examine, OpenTemplate, Render
from lsrv.worker.errands.errands import Errands
from lsrv.worker.errands.lane import Job
from tests.chat.templates.published import published

_DEADLINE_S = 60.0
HELLO: list[dict[str, object]] = [{"role": "user", "content": "hi"}]
TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% set x = a %}{% endfor %}{% endfor %}"
CHEAP = Compile("response_format", Grammar("json_schema", '{"type": "integer"}', "response_format"))


class ErrandsUnderTest:
    """Errands, and the poll that the worker's loop does for them."""

    def __init__(self) -> None:
        self._watched: frozenset[int] = frozenset()
        self.errands = Errands(self)

    def watch(self, descriptors: frozenset[int]) -> None:
        self._watched = descriptors

    def add(self, errand: Errand) -> Job:
        return self.errands.add(errand, time.monotonic())

    def wait(self, *jobs: Job) -> None:
        """Until one of `jobs` is done."""
        end = time.monotonic() + _DEADLINE_S
        while not any(job.text.done() for job in jobs):
            assert time.monotonic() < end
            wait_s = self.errands.wait_s(time.monotonic())
            select.select(list(self._watched), [], [], 1.0 if wait_s is None else wait_s)
            self.errands.poll(time.monotonic())

    def text(self, errand: Errand) -> str:
        job = self.add(errand)
        self.wait(job)
        return job.text.result()

    def render(self, source: str, messages: list[dict[str, object]] = HELLO) -> str:
        self.errands.open(OpenTemplate(source, "<s>", "</s>"))
        return self.text(Render(Chat(messages, {})))

    def compile(self, kind: GrammarKind, source: str) -> str:
        return self.text(Compile("grammar", Grammar(kind, source, "grammar")))


@pytest.fixture
def desk() -> Iterator[ErrandsUnderTest]:
    desk = ErrandsUnderTest()
    yield desk
    desk.errands.close()


def test_a_child_renders_what_the_template_says(desk: ErrandsUnderTest) -> None:
    assert desk.render("{{ bos_token }}" + TEMPLATE) == "<s>hi"


def test_a_child_finds_how_a_model_writes_its_calls(desk: ErrandsUnderTest) -> None:
    desk.errands.open(OpenTemplate(published("Qwen3-Coder"), "<s>", "</s>"))
    found = msgspec.json.decode(desk.text(Examine()), type=AnswerFormat)
    assert found.calls is not None and found.calls.parts[0] == "<tool_call>\n<function="


def test_a_template_that_is_too_much_to_examine_says_so(desk: ErrandsUnderTest) -> None:
    desk.errands.open(OpenTemplate(ENDLESS, "<s>", "</s>"))
    with pytest.raises(RequestError, match="to examine the chat template takes longer than"):
        desk.text(Examine())


@pytest.mark.parametrize(
    "source",
    [
        ENDLESS,
        "{{ (messages | length + 6) ** (10 ** 9) }}",
        "{% macro f(n) %}{{ f(n + 1) if n < 60 }}{{ f(n + 1) if n < 60 }}{% endmacro %}{{ f(0) }}",
        "{{ (messages[0].content * 30000000) | wordwrap(1) }}",
        "{% set ns = namespace(a=[], b=[]) %}{% for i in range(40) %}{% set ns.a = [ns.a, ns.a] %}"
        "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
    ],
    ids=["loops", "power", "macros", "wordwrap", "equality"],
)
def test_an_endless_template_is_stopped_and_the_next_chat_is_rendered(desk: ErrandsUnderTest, source: str) -> None:
    started = time.monotonic()
    with pytest.raises(RequestError, match=r"longer than|too much memory"):
        desk.render(source)
    assert time.monotonic() - started < 20
    assert desk.render(TEMPLATE) == "hi"


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is not enforced elsewhere")
@pytest.mark.parametrize("source", ["{{ 'x' * 2000000000 }}", "{{ '%2000000000s' % 'x' }}"])
def test_a_template_that_eats_memory_is_stopped(desk: ErrandsUnderTest, source: str) -> None:
    with pytest.raises(RequestError, match="memory"):
        desk.render(source)


def test_a_template_that_never_ends_being_read_fails_the_load(desk: ErrandsUnderTest) -> None:
    with pytest.raises(LoadFailedError, match="set chat_template"):
        desk.render("{{ 7 ** (10 ** 9) }}")


def test_text_that_is_no_unicode_is_refused(desk: ErrandsUnderTest) -> None:
    with pytest.raises(RequestError, match="no Unicode"):
        desk.render("{{ '\\ud800' }}")


def test_what_a_template_says_is_told_even_where_it_is_no_unicode(desk: ErrandsUnderTest) -> None:
    with pytest.raises(RequestError, match=r"these messages: no \\udc00 here"):
        desk.render("{{ raise_exception('no \\udc00 here') }}")


def test_an_answer_that_no_frame_could_carry_is_refused(desk: ErrandsUnderTest) -> None:
    with pytest.raises(RequestError, match="wrote 70000000 bytes"):
        desk.render("{{ 'x' * 70000000 }}")


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS is not enforced elsewhere")
def test_a_machine_with_a_lower_memory_limit_still_renders() -> None:
    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (64 << 30, limits[1]))
    desk = ErrandsUnderTest()
    try:
        assert desk.render("{{ messages[0].content }}") == "hi"
    finally:
        desk.errands.close()
        resource.setrlimit(resource.RLIMIT_AS, limits)


def test_a_killed_child_is_replaced_with_the_template_it_had(desk: ErrandsUnderTest) -> None:
    assert desk.render(TEMPLATE) == "hi"
    lane = desk.errands._quick
    assert lane.working is not None
    lane.working.child._process.kill()
    lane.working.child._process.wait()
    with pytest.raises(LsrvError):
        desk.text(Render(Chat(HELLO, {})))
    assert desk.text(Render(Chat(HELLO, {}))) == "hi"


def _defs(n: int, link: Callable[[str], object]) -> str:
    chain = {f"d{i}": link(f"#/$defs/d{i + 1}") for i in range(n - 1)} | {f"d{n - 1}": {"type": "integer"}}
    return json.dumps({"$ref": "#/$defs/d0", "$defs": chain})


DEEP: dict[str, tuple[GrammarKind, str]] = {
    "refs": ("json_schema", _defs(5000, lambda ref: {"$ref": ref})),
    "objects": ("json_schema", _defs(1106, lambda ref: {"type": "object", "properties": {"a": {"$ref": ref}}})),
    "anyOf": ("json_schema", _defs(3000, lambda ref: {"anyOf": [{"$ref": ref}, {"type": "null"}]})),
    "allOf": ("json_schema", _defs(3000, lambda ref: {"allOf": [{"$ref": ref}, {"minimum": 3}]})),
    "patterns": (
        "json_schema",
        _defs(3000, lambda ref: {"type": "object", "patternProperties": {"^a$": {"$ref": ref}}}),
    ),
    "arrays": ("json_schema", '{"type":"array","items":' * 5000 + "{}" + "}" * 5000),
    "lark rules": ("lark", "start: r0\n" + "".join(f"r{i}: r{i + 1}\n" for i in range(9000)) + 'r9000: "a"\n'),
    "lark terminals": ("lark", "start: R0\n" + "".join(f"R{i}: R{i + 1}\n" for i in range(9000)) + 'R9000: "a"\n'),
    "groups": ("regex", "(" * 20000 + "a" + ")" * 20000),
    "patterns that repeat": ("json_schema", '{"type": "string", "pattern": "^(a{990}){1000}$"}'),
    "complements": ("lark", "start: /" + "~(" * 400 + "a" + ")" * 400 + "/\n"),
}


@pytest.mark.parametrize(("kind", "source"), DEEP.values(), ids=DEEP.keys())
def test_a_deep_grammar_is_compiled_or_refused_and_the_next_one_is_compiled(
    desk: ErrandsUnderTest, kind: GrammarKind, source: str
) -> None:
    job = desk.add(Compile("grammar", Grammar(kind, source, "grammar")))
    desk.wait(job)
    assert job.text.exception() is None or isinstance(job.text.exception(), GrammarError)
    assert desk.text(CHEAP)


def test_a_cheap_errand_does_not_wait_for_the_slow_ones_before_it(desk: ErrandsUnderTest) -> None:
    desk.render(TEMPLATE)
    desk.errands.open(OpenTemplate(ENDLESS, "", ""))
    slow = [desk.add(Render(Chat(HELLO, {}))) for _ in range(2)]
    cheap = desk.add(CHEAP)
    desk.wait(cheap, *slow)
    assert cheap.text.result()
    assert not any(job.text.done() for job in slow)


def test_what_is_cancelled_makes_nobody_wait(desk: ErrandsUnderTest) -> None:
    desk.errands.open(OpenTemplate(ENDLESS, "", ""))
    slow = [desk.add(Render(Chat(HELLO, {}))) for _ in range(100)]
    for job in slow:
        job.text.cancel()
    assert desk.text(CHEAP)
