"""What a client could make endless or deadly, done by a child process that can be killed.

Templates are strangers' code, and grammars go through a compiler whose time and stack they choose.
"""
