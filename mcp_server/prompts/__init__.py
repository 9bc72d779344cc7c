"""Prompts: how to debug a run, test a function and review one, filled with what is known now."""
