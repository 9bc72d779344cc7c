"""Tests written down from runs: what happened goes in, files that repeat it come out; pure."""
