"""JSON Schemas of the shapes that people send: settings files, API bodies, tool arguments, extraction forms."""

from tests.schemas.corpus import CORPUS

__all__ = ["CORPUS"]
