"""The embedded durable engine."""
