"""The longest time that an answer may take in all, [server] request_timeout."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncGenerator

from lsrv.api.http.errors import TimeLimitError


@contextlib.asynccontextmanager
async def time_limit(seconds: float) -> AsyncGenerator[None]:
    """Raises TimeLimitError once `seconds` are over; math.inf: never."""
    if seconds == math.inf:
        yield
        return
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if not limit.expired():
            raise
        text = f"The answer took more than {seconds:g} s in all ([server] request_timeout); ask for a shorter one."
        raise TimeLimitError(text) from None
