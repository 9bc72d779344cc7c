"""Packages that are loaded when something of them is used, and not because something else imports them.

A start imports the MCP SDK to serve: with it come the client side, a second HTTP client, and a library of
ciphers with which nothing is sealed here. That is 12 MB, and a tenth of the time until the first answer.
All of it is used through public names of `importlib`, and what is loaded already stays as it is.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any


def without_console_of_httpx() -> None:
    """Make `import httpx` do without its command line, which loads all of `rich` where that is installed."""
    if "httpx" not in sys.modules:
        with without("httpx._main"):
            import_module("httpx")


def load_mcp_server() -> None:
    """Load the server side of the MCP SDK, and nothing that no server of ours uses."""
    if "mcp" in sys.modules:
        return
    for package in ("mcp", "httpx2"):
        _put_off(package)
    _build_wire_models_later()
    # Should an SDK to come do more with the ciphers than name them, the import that follows loads all.
    with suppress(Exception), _stand_ins("cryptography"):
        import_module("mcp.server")


def _build_wire_models_later() -> None:
    """Let pydantic build the models of a revision of MCP when they are used: most never are."""
    with suppress(ImportError, AttributeError):  # without it the server is the same, only larger
        from mcp_types._wire_base import WireModel  # noqa: PLC0415

        WireModel.model_config["defer_build"] = True


@contextmanager
def without(name: str) -> Iterator[None]:
    """Let who imports a module meanwhile find that it is not installed, unless it is loaded already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # documented: `import` then raises an ImportError
    try:
        yield
    finally:
        del sys.modules[name]


def _put_off(package: str) -> None:
    """Load a package itself when one of its names is asked for; its submodules are found without that.

    `importlib.util.LazyLoader` loads it as soon as anybody imports a submodule.
    """
    spec = None if package in sys.modules else find_spec(package)
    if spec is None or spec.loader is None:
        return
    loader, module = spec.loader, module_from_spec(spec)

    def get(name: str) -> Any:
        if name.startswith("__") and name != "__all__":
            raise AttributeError(name)
        if find_spec(f"{package}.{name}") is not None:
            return import_module(f"{package}.{name}")
        vars(module).pop("__getattr__", None)
        loader.exec_module(module)
        return getattr(module, name)

    vars(module)["__getattr__"] = get
    sys.modules[package] = module


@contextmanager
def _stand_ins(package: str) -> Iterator[None]:
    """Give whoever imports classes of a package meanwhile classes that load it when they are called."""
    if package in sys.modules:
        yield
        return
    finder = _StandIns(package)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in [name for name in sys.modules if finder.stands_for(name)]:
            del sys.modules[name]


class _StandIns(MetaPathFinder, Loader):
    """Finds modules in which every name is a class that stands for one of the real module."""

    def __init__(self, package: str) -> None:
        self._package = package

    def stands_for(self, name: str) -> bool:
        """Whether a module is one of the package's."""
        return name.partition(".")[0] == self._package

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find a module of the package, and no other."""
        return ModuleSpec(fullname, self, is_package=True) if self.stands_for(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Let the module have any name but those of modules."""

        def get(name: str) -> type:
            if name.startswith("__"):
                raise AttributeError(name)

            def make(_: type, *args: Any, **options: Any) -> Any:
                return getattr(import_module(module.__name__), name)(*args, **options)

            # An exception, so that it may stand behind `except`, where it catches nothing.
            return type(name, (Exception,), {"__new__": make})

        vars(module)["__getattr__"] = get
