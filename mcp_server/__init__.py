"""The MCP face of Stepcue."""
