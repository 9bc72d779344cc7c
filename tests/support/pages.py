"""The code blocks of the shipped pages, and what they may call without defining it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final

from support.processes import REPOSITORY

ROOT: Final = Path(str(files("docs_index") / "corpus"))
PAGES: Final = sorted(ROOT.rglob("*.md"))
_FENCE: Final = re.compile(r"^```(?P<language>\S*)[^\n]*\n(?P<code>.*?)^```$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: `page` is relative to the corpus, `line` the page's line of its first line of code."""

    page: str
    line: int
    language: str
    code: str

    @property
    def name(self) -> str:
        """A name for a file, unique among all blocks."""
        return re.sub(r"\W", "_", f"{self.page.removesuffix('.md')}_{self.line}")


@cache
def blocks(*languages: str) -> tuple[Block, ...]:
    """Return the blocks of all pages in one of these languages; every block without any."""
    found: list[Block] = []
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            if not languages or match["language"] in languages:
                line = text.count("\n", 0, match.start("code")) + 1
                found.append(Block(str(path.relative_to(ROOT)), line, match["language"], match["code"]))
    return tuple(found)


def pages_of(*languages: str) -> list[str]:
    """Return the pages that have such a block."""
    return list(dict.fromkeys(block.page for block in blocks(*languages)))


@cache
def your_names() -> Mapping[str, str]:
    """Return the names that stand for the reader's own code, as Python writes them, with what each is.

    A line of the list is a name, or `name = T` for a function that resolves to the TypeScript type T.
    Whoever misspells a name of the SDK is told so, since the name is not in this list.
    """
    listed = (REPOSITORY / "tests" / "pages" / "your_names.txt").read_text(encoding="utf-8").splitlines()
    named = [(name.strip(), result.strip()) for name, _, result in (line.partition("=") for line in listed)]
    assert len(dict(named)) == len(named), "a name is listed twice"
    return dict(named)


def camel(name: str) -> str:
    """Return a name as TypeScript writes it: `render_invoice` → `renderInvoice`."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def declared(name: str) -> str:
    """Return the declaration of one of these names in TypeScript."""
    result = your_names()[name]
    return f"const {camel(name)}: " + (f"(...args: any[]) => Promise<{result}>;" if result else "any;")


def unbound(code: str) -> set[str]:
    """Return the reader's own names that a Python block uses and does not define itself."""
    tree = ast.parse(code)
    bound: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound.update((alias.asname or alias.name).split(".")[0] for alias in node.names)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    return (used - bound) & your_names().keys()
