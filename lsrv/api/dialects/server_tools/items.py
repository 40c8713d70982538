"""News of tools as the items of OpenAI's Responses, which chats have as an extension. Pure.

https://platform.openai.com/docs/guides/tools-connectors-mcp
"""

from __future__ import annotations

from collections.abc import Sequence

from lsrv.protocol.tool_news import ToolListing, ToolNews

McpItem = dict[str, object]


def mcp_item(news: ToolNews) -> McpItem:
    """`mcp_list_tools` or `mcp_call`."""
    if isinstance(news, ToolListing):
        listing: McpItem = {
            "type": "mcp_list_tools",
            "id": f"mcpl_{news.server}",
            "server_label": news.server,
            "tools": news.tools,
        }
        return listing | {"error": news.error or None}
    is_over = news.output is not None
    return {
        "type": "mcp_call",
        "id": f"mcp_{news.id}",
        "server_label": news.server,
        "name": news.name,
        "arguments": news.arguments,
        "status": ("failed" if news.is_error else "completed") if is_over else "in_progress",
        "output": None if news.is_error else news.output,
        "error": news.output if news.is_error else None,
    }


def whole_items(news: Sequence[ToolNews]) -> list[McpItem]:
    """Each item once, as it was in the end, in the order in which they began."""
    items: dict[object, McpItem] = {}
    for each in news:
        item = mcp_item(each)
        items[item["id"]] = item
    return list(items.values())
