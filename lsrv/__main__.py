"""`python -m lsrv`: the command line, where no script named `lsrv` is on the path."""

from lsrv.cli import main

main()
