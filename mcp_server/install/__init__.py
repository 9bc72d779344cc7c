"""Adds Stepcue to the configuration of assistants: what each wants, where, and how to merge it."""
