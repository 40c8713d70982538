"""Measurements of lsrv against a peer in the same run, with the machine. Not part of the package; see README.md."""
