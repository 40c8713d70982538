"""`GET /slots`: what llama-server's monitors ask. Pure."""

from __future__ import annotations


def slot_object(number: int, n_ctx: int, *, is_busy: bool) -> dict[str, object]:
    """One slot; what it holds is nobody's business."""
    return {"id": number, "n_ctx": n_ctx, "speculative": False, "is_processing": is_busy}
