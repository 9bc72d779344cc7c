"""Pure: which functions an event may start."""
