"""lsrv as a server of tools: MCP clients call its models. What the tools are, and the door that the SDK keeps."""
