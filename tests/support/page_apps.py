"""The apps that the shipped pages show: the functions of all blocks of a page, by the id of their app.

What a page calls and does not define is the reader's own code. On the recipes (`testing/`) it fails, so that
a recipe which lets a step run for real by mistake fails too; on other pages it gives a text.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import fastapi
import inngest
import inngest.fast_api
from support.node import APPS, node, packages
from support.pages import Block, blocks, camel, unbound, your_names

RECIPES: Final = "testing/"
FUNCTION: Final = {"python": ".create_function(", "typescript": ".createFunction("}
"""What blocks with a function have in them."""
_NEEDS_MORE: Final = re.compile(
    r'^import .* from "(?:vitest|inngest/react|\.)|\.listen\(|\bconnect\(', re.MULTILINE
)
"""What blocks import that is not there, and what takes a port or a connection of its own."""
_VARIANTS: Final = {
    "getting-started/nextjs.md",
    "operations/serving-python.md",
    "operations/serving-typescript.md",
}
"""Pages that show one function again and again, for one framework after the other: the first one counts."""


class Text(str):
    """A text, for functions that await it and for those that do not."""

    __slots__ = ()

    def __await__(self) -> Generator[None, None, str]:
        return str(self)
        yield  # pragma: no cover - makes a generator of it


def showing(language: str, page: str) -> list[Block]:
    """Return the blocks of a page that make the functions of an app, and can run here."""
    found = [
        block
        for block in blocks(language)
        if block.page == page and FUNCTION[language] in block.code and not _NEEDS_MORE.search(block.code)
    ]
    return found[:1] if page in _VARIANTS else found


def python_apps(page: str) -> list[fastapi.FastAPI]:
    """Execute the blocks of a page; return its apps."""
    made: dict[str, tuple[inngest.Inngest, list[inngest.Function[Any]]]] = {}
    for block in showing("python", page):
        # The SDK and pydantic look up modules by their name.
        module = sys.modules[block.name] = ModuleType(block.name)
        vars(module).update({name: _yours(name, page) for name in unbound(block.code)})
        exec(compile(block.code, f"{page}:{block.line}", "exec"), vars(module))  # noqa: S102 - our own pages
        for client in vars(module).values():
            if isinstance(client, inngest.Inngest):
                made.setdefault(client.app_id, (client, []))
        for function in _functions(vars(module).values()):
            made[function.id.removesuffix(f"-{function.local_id}")][1].append(function)
    return [_served(client, functions) for client, functions in made.values() if functions]


def _served(client: inngest.Inngest, functions: list[inngest.Function[Any]]) -> fastapi.FastAPI:
    ids = [function.id for function in functions]
    assert len(set(ids)) == len(ids), f"a function is shown twice: {ids}"
    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, client, functions)
    return app


def _functions(values: Iterable[Any]) -> Iterator[inngest.Function[Any]]:
    for value in values:
        for made in value if isinstance(value, list) else [value]:
            if isinstance(made, inngest.Function):
                yield made


def _yours(name: str, page: str) -> Callable[..., Text]:
    def yours(*_: Any, **__: Any) -> Text:
        if page.startswith(RECIPES):
            raise RuntimeError(f"{name} ran for real: the page has to mock its step")
        return Text("x")

    return yours


@dataclass(frozen=True, slots=True)
class TypeScriptApps:
    """The apps of pages, as they run on Node.js; `faults` says why a page has none."""

    origin: str
    apps: Mapping[str, list[str]]
    faults: Mapping[str, str]

    def urls(self, page: str) -> list[str]:
        """Return where the apps of a page are served."""
        assert page in self.apps, self.faults.get(page, "no app")
        return [f"{self.origin}/{page}/{app}" for app in self.apps[page]]


@contextmanager
def typescript_apps(pages: Iterable[str], folder: Path, engine_origin: str) -> Iterator[TypeScriptApps]:
    """Run the apps of these pages in one process, for an engine; `folder` is empty and takes their code."""
    (folder / "node_modules").symlink_to(packages(APPS / "pages"), target_is_directory=True)
    shown = {
        "names": [camel(name) for name in your_names()],
        "fail": RECIPES,
        "pages": {
            page: [{"name": block.name, "code": block.code} for block in showing("typescript", page)]
            for page in pages
        },
    }
    (folder / "shown.json").write_text(json.dumps(shown), encoding="utf-8")
    with running([str(APPS / "pages" / "app.mjs"), str(folder)], engine_origin) as said:
        yield TypeScriptApps(**json.loads(next(said)))


@contextmanager
def running(arguments: list[str], engine_origin: str) -> Iterator[Iterator[str]]:
    """Run Node.js for an engine; yields the lines that it prints."""
    env = {**os.environ, "INNGEST_DEV": engine_origin, "NODE_ENV": "test"}
    with subprocess.Popen([node(), *arguments], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()
