"""From a folder of safetensors to a GGUF, without PyTorch and without running anybody's code.

What the parent needs is here and imports neither numpy nor gguf;
`python -m lsrv.frontdoor.making.convert` is the child.
"""

from lsrv.frontdoor.making.convert.architecture import ConvertedArchitecture, check_convertible
from lsrv.frontdoor.making.convert.json_file import read_config, require_sane
from lsrv.frontdoor.making.convert.run import VERSION, convert
from lsrv.frontdoor.making.convert.source_files import files_needed

__all__ = [
    "VERSION",
    "ConvertedArchitecture",
    "check_convertible",
    "convert",
    "files_needed",
    "read_config",
    "require_sane",
]
