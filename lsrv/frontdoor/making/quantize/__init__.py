"""One GGUF to a smaller one, by llama.cpp's own llama_model_quantize in a child process.

What the parent needs is here and imports neither llama_cpp nor numpy;
`python -m lsrv.frontdoor.making.quantize` is the child.
"""

from lsrv.frontdoor.making.quantize.imatrix import imatrix_beside, is_imatrix_name
from lsrv.frontdoor.making.quantize.names import can_be_source, fallback_share, makeable
from lsrv.frontdoor.making.quantize.run import quantize

__all__ = ["can_be_source", "fallback_share", "imatrix_beside", "is_imatrix_name", "makeable", "quantize"]
