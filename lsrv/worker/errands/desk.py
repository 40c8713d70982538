"""How the child does its errands. No limits here: they are the process's."""

from __future__ import annotations

import msgspec

from lsrv.chat.format.examine import examine
from lsrv.chat.templates.prompt import CheckedPrompter
from lsrv.chat.templates.template import ChatTemplate
from lsrv.errors import LsrvError, RequestError
from lsrv.worker.errands.errand import (
    MAX_TEXT_BYTES,
    Compile,
    Done,
    Errand,
    Examine,
    OpenTemplate,
    Outcome,
    Refused,
    Render,
)
from lsrv.worker.errands.failures import too_large

STACK_BYTES = 256 * 1024 * 1024  # the compiler goes as deep as a grammar: 256 KiB of it take 200 MiB


class Desk:
    """Keeps the template of the model that is loaded."""

    greeting = Done()  # the first outcome, before any errand

    def __init__(self) -> None:
        self._prompter: CheckedPrompter | None = None
        self._source = ""

    def do(self, errand: Errand) -> Outcome:
        """Whatever comes of an errand, as a value."""
        try:
            match errand:
                case OpenTemplate():
                    template = ChatTemplate(*errand.sources, bos=errand.bos, eos=errand.eos)
                    self._prompter = CheckedPrompter(template)
                    self._source = "\n".join(errand.sources)
                    return Done()
                case Render():
                    return _checked(self._rendered(errand))
                case Examine():
                    return _checked(self._examined())
                case Compile():
                    return Done(_source(errand))
        except LsrvError as error:
            return Refused(error.info())
        except MemoryError:
            return Refused(too_large(errand).info())

    def _rendered(self, errand: Render) -> str:
        assert self._prompter is not None
        return self._prompter.prompt(errand.chat)

    def _examined(self) -> str:
        assert self._prompter is not None
        return msgspec.json.encode(examine(self._source, self._prompter.unchecked)).decode()


def _source(errand: Compile) -> str:
    from lsrv.worker.errands.grammars import source_of  # a third of what it imports, and most never see a grammar

    return source_of(errand)


def _checked(text: str) -> Done:
    """An answer that a frame can carry. Raises RequestError."""
    try:
        n_bytes = len(text.encode())
    except UnicodeEncodeError as error:
        raise RequestError(f"the chat template wrote text that is no Unicode: {error.reason}") from error
    if n_bytes > MAX_TEXT_BYTES:
        raise RequestError(f"the chat template wrote {n_bytes} bytes; {MAX_TEXT_BYTES} are allowed", param="messages")
    return Done(text)
