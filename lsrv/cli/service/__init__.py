"""lsrv as a service of a user: what systemd and launchd are told, and what they hear from a server that runs."""
