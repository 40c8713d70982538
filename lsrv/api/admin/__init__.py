"""What an operator reads of a server, and the taking in of a changed config file."""
