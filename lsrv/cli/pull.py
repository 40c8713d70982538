"""`lsrv pull MODEL`: get a model's weights before anybody asks for them. `lsrv login`: a token for gated ones."""

from __future__ import annotations
