"""Documentation search: one question after the other, next to a plain scan over the same pages."""

from __future__ import annotations

import sys
import time
from importlib.resources import as_file, files

from benchmarks.arena import Arena
from benchmarks.docs_engines import ours, scan
from benchmarks.docs_grades import PATTERNS, QUESTIONS, read_questions
from benchmarks.docs_speed import FIRST_ANSWER, process_ms
from benchmarks.report import Row, row
from benchmarks.sizes import Sizes
from docs_index import DocsIndex, cache

TITLE = "the shipped pages; benchmarks/docs_speed.py and docs_quality.py look closer"


async def measure(_: Arena, sizes: Sizes) -> list[Row]:
    """Ask the benchmark's questions, and start processes that ask one."""
    questions = read_questions(QUESTIONS)
    with as_file(files("docs_index") / "corpus") as pages:
        docs = DocsIndex.open(corpus=pages)
        docs.search("first")
        engines = ours(docs), scan(docs._open_corpus())  # noqa: SLF001 - the same sections
        pairs: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
        for question in questions[: 2 * sizes.calls]:
            times = []
            for engine in engines:
                started = time.perf_counter()
                engine(question)
                times.append((time.perf_counter() - started) * 1_000)
            pairs[question.kind == PATTERNS].append((times[0], times[1]))
        ask = [sys.executable, "-c", FIRST_ANSWER, str(pages), str(cache.default_directory())]
        starts = [
            (process_ms(ask)[0], process_ms([sys.executable, "-c", "pass"])[0]) for _ in range(sizes.starts)
        ]
    names = {False: "a search, asked for the first time", True: "a grep"}
    rows = [
        row(names[is_grep], "stepcue", found, against="a regular expression over every section")
        for is_grep, found in pairs.items()
        if found
    ]
    more = {"against": "python -c pass", "note": "index in the cache"}
    return [*rows, row("start of a process to its first search", "stepcue", starts, **more)]
