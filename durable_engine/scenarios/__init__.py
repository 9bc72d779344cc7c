"""Tests of a function in one call: what starts it, under which conditions, and what is expected."""
