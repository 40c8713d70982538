"""What `lsrv doctor` knows of this machine, and what it would do about it."""
