"""How the loaded model writes answers: found in its template once, by a child unless the template is plain."""

from __future__ import annotations

import contextlib
import logging
import time

import msgspec
from msgspec.structs import replace

from lsrv.chat.format.answer_format import PLAIN, AnswerFormat
from lsrv.chat.format.examine import examine
from lsrv.chat.format.notes import example_of, notes_of
from lsrv.chat.templates.plain import PlainTemplate
from lsrv.errors import RequestError
from lsrv.protocol.commands import Sampling
from lsrv.protocol.events import Described, ModelInfo
from lsrv.worker.errands.errand import Examine, OpenTemplate
from lsrv.worker.errands.errands import Errands
from lsrv.worker.errands.lane import Job
from lsrv.worker.pending import result_of

_log = logging.getLogger(__name__)

_decode = msgspec.json.Decoder(AnswerFormat).decode


class Examination:
    """Belongs to the engine thread."""

    def __init__(self, errands: Errands, template: OpenTemplate | None, plain: PlainTemplate | None) -> None:
        """Begin to look, in the template that `errands` has; None: the model has none, and writes like many."""
        self._errands = errands
        self._template = template
        self._form: AnswerFormat | None = None
        self._job: Job | None = None
        self._has_told = False
        if template is None:
            self._form = PLAIN
        elif plain is not None:
            with contextlib.suppress(TimeoutError):  # more work than it seemed: then the child does it, when asked
                self._form = examine("\n".join(template.sources), plain.prompter)
        else:
            self._job = errands.add(Examine(), time.monotonic())

    async def form(self) -> AnswerFormat:
        """What was found. Raises CapacityError if there was no child to look."""
        while self._form is None:
            self._form = await self._examined()
        if not self._has_told and self._form.notes:
            _log.warning("what the chat template asks for: %s", "; ".join(self._form.notes))
        self._has_told = True
        return self._form

    async def described(self, request_id: int, info: ModelInfo, source: str, sampling: Sampling) -> Described:
        """What was found, for people and programs. `source`: where the template is from. Raises like `form`."""
        template = self._template
        form = await self.form()
        return Described(
            request_id=request_id,
            n_ctx_seq=info.n_ctx_seq,
            n_slots=info.n_slots,
            bos=template.bos if template is not None else "",
            eos=template.eos if template is not None else "",
            chat_template=template.source if template is not None else None,
            chat_template_source=source,
            chat_format=msgspec.to_builtins(form) if template is not None else {},
            example=example_of(form) if template is not None else "",
            notes=notes_of(form) if template is not None else ["the model has no chat template"],
            sampling=sampling,
        )

    async def _examined(self) -> AnswerFormat:
        if self._job is None:
            self._job = self._errands.add(Examine(), time.monotonic())
        job = self._job
        try:
            return _decode(await result_of(job.text, is_shared=True))
        except RequestError as error:  # the template is too much for the child, and will be next time
            return replace(PLAIN, notes=[f"nothing is known of how this model writes: {error}"])
        finally:
            if job is self._job:  # the next one asks again
                self._job = None
