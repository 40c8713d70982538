"""Servers of tools that speak the Model Context Protocol: started or reached, listed, called. Knows no model.

`servers` is all of them, `connection` one with its task, `programs` and `addresses` are the two ways to one; `offer`
and `output` (both pure) make of what they say what a model may read. The SDK is imported once there is one to talk to.
"""

from lsrv.mcp.servers import McpServers, ServerView, WantedTools

__all__ = ["McpServers", "ServerView", "WantedTools"]
