"""What a Runner raises."""

from __future__ import annotations

from lsrv.errors import FieldValue


class RunnerError(ValueError):
    """A request, a model or a config that can't be served, in the server's own words.

    `code` is what programs decide by, such as "model_not_found"; `status` the HTTP status that the server gives it;
    `param` the field at fault; `fields` the numbers behind the message, such as n_prompt_tokens and n_ctx.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "invalid_request",
        status: int = 400,
        param: str | None = None,
        fields: dict[str, FieldValue] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.param = param
        self.fields = fields or {}
