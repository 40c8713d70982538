"""Entries that a remote server answers for: when it is asked, how, and what its answers and errors mean here."""
