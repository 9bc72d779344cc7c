"""The MCP Tasks extension: waits that a client need not stay for, and that outlast this process."""
