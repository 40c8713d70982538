"""A server of the older era, in a few lines: it knows `initialize` and nothing of `server/discover`.

`python old_server.py [die|flood|liar|odd]`: its tool ends it, or answers without an end; or it lists what is no good.
"""

import json
import sys

KIND = sys.argv[1] if len(sys.argv) > 1 else ""
ECHO = {"name": "echo", "description": "Says it again.", "inputSchema": {"type": "object", "properties": {}}}
UNKEEPABLE = {"name": "odd", "inputSchema": {"type": "object", "properties": {"a": {"$ref": "#/$defs/nowhere"}}}}
LISTS = {"odd": [UNKEEPABLE]}
LISTS["liar"] = [
    {"name": "no good name", "inputSchema": {"type": "object"}},
    *({"name": f"tool{i}", "inputSchema": {"type": "object"}} for i in range(1000)),
]


def answer(request):
    method = request["method"]
    if method == "initialize":
        about = {"name": "old", "version": "1"}
        return {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": about}
    if method == "tools/list":
        return {"tools": LISTS.get(KIND, [ECHO])}
    if method != "tools/call":
        return None
    if KIND == "die":
        sys.exit(1)
    while KIND == "flood":
        sys.stdout.write("x" * 65536)
    return {"content": [{"type": "text", "text": "again"}, {"type": "image", "data": "aa", "mimeType": "image/png"}]}


for line in sys.stdin:
    request = json.loads(line)
    if "id" in request:
        result = answer(request)
        unknown = {"code": -32601, "message": "Method not found"}
        reply = {"error": unknown} if result is None else {"result": result}
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], **reply}), flush=True)
