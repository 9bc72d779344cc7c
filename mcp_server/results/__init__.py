"""What the tools answer: one pydantic model per tool, camelCase on the wire."""
