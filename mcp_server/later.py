"""Commands that are imported when they are called."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click


class Later(click.Command):
    """Stands for the command `name` of a module; the group's help shows `about` without importing it."""

    def __init__(self, name: str, module: str, *, about: str) -> None:
        super().__init__(name, help=about)
        self._module = module

    def load(self) -> click.Command:
        """Return the command."""
        command: click.Command = getattr(import_module(self._module), str(self.name))
        return command

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        """Let the command itself read what it was given, and go on with it."""
        return self.load().make_context(info_name, args, parent, **extra)
