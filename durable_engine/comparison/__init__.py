"""Pure: how two runs differ."""
