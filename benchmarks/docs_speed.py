"""What the documentation index costs: `python benchmarks/docs_speed.py`.

Over a megabyte of pages (copies of the shipped ones, or `--corpus`): from the start of a process to its first
answer, without and with an index in the cache, next to a process that does nothing; the memory of such a
process; searches and greps one after the other; and the slowest of many senseless queries and patterns.
Times are of this machine now; ratios are what to compare.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from importlib.resources import as_file, files
from pathlib import Path

from benchmarks.docs_grades import PATTERNS, QUESTIONS, read_questions
from docs_index import DocsIndex, DocsIndexError

FIRST_ANSWER = """
import pathlib, resource, sys
from docs_index import DocsIndex
index = DocsIndex.open(corpus=pathlib.Path(sys.argv[1]), cache_dir=pathlib.Path(sys.argv[2]))
assert index.search("how do I limit runs per user").results
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""
WANTED_BYTES = 1_000_000
SPECIALS = r".*+?()[]{}|^$\-,:=!<>Pdwsx01 " + "\n"


def megabyte(folder: Path) -> Path:
    """Fill a folder with copies of the shipped pages, a megabyte in all."""
    with as_file(files("docs_index") / "corpus") as shipped:
        size = sum(path.stat().st_size for path in shipped.rglob("*.md"))
        for number in range(-(-WANTED_BYTES // size)):
            shutil.copytree(shipped, folder / f"copy-{number}")
    return folder


def process_ms(command: list[str]) -> tuple[float, str]:
    """Run a process to its end; return the milliseconds it took and what it printed."""
    started = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return (time.perf_counter() - started) * 1_000, done.stdout


def starts(corpus: Path, cache: Path, samples: int) -> None:
    """Print what a process needs up to its first answer."""
    ask = [sys.executable, "-c", FIRST_ANSWER, str(corpus), str(cache)]
    bare = statistics.median(process_ms([sys.executable, "-c", "pass"])[0] for _ in range(samples))
    cold, _ = process_ms(ask)
    warm = [process_ms(ask) for _ in range(samples)]
    median = statistics.median(ms for ms, _ in warm)
    kilobytes = statistics.median(int(printed) for _, printed in warm)
    print(f"{'a process that does nothing':<44} {bare:>9.0f} ms")
    print(f"{'start to first answer, index built':<44} {cold:>9.0f} ms {cold / bare:>6.1f} x")
    print(f"{'start to first answer, index in the cache':<44} {median:>9.0f} ms {median / bare:>6.1f} x")
    print(f"{'memory of that process (RSS)':<44} {kilobytes / 1024:>9.0f} MB")


def timed(calls: Iterable[tuple[str, Callable[[str], object]]]) -> list[tuple[float, str]]:
    """Make each call and return (milliseconds, what was asked), the slowest first; our errors are answers."""
    found = []
    for text, call in calls:
        started = time.perf_counter()
        with contextlib.suppress(DocsIndexError):
            call(text)
        found.append(((time.perf_counter() - started) * 1_000, text))
    return sorted(found, reverse=True)


def show(what: str, times: list[tuple[float, str]]) -> None:
    """Print one line: median, 99th percentile and slowest."""
    ms = [value for value, _ in times]
    slow, text = times[0]
    print(
        f"{what:<44} {statistics.median(ms):>9.2f} ms   99 %: {ms[len(ms) // 100]:.1f}   "
        f"slowest: {slow:.1f} for {text[:40]!r}   n: {len(ms)}"
    )


def senseless(count: int, seed: int) -> Iterable[str]:
    """Yield texts that nobody would type, and some that somebody might to do harm."""
    chance = random.Random(seed)  # noqa: S311 - any texts do
    yield from [
        "(a+)+$",
        "(a|a)*b",
        ".*.*.*=.*x",
        "(?:(?:a{1,50}){1,20})",
        "x{1000}",
        "[^a]*" * 100,
        "|" * 999,
    ]
    yield from [" ".join(["retreis", "concurancy", "memoizaton"] * 100), "zqxjkv " * 280, "step.run " * 220]
    yield " ".join(word for word in ("time", "a", "at", "one") for _ in range(16))
    for _ in range(count):
        length = chance.choice([3, 10, 30, 200, 990])
        kind = chance.randrange(4)
        if kind == 0:
            yield bytes(chance.randrange(256) for _ in range(length)).decode("utf-8", "replace")
        elif kind == 1:
            yield "".join(chance.choice("ab" + SPECIALS) for _ in range(length))
        elif kind == 2:
            yield "".join(chr(chance.randrange(0x11_0000)) for _ in range(length))
        else:
            yield "".join(chance.choice("abcdefghijklmnopqrstuvwxyz ._") for _ in range(length))


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpus", type=Path, help="A folder of pages.")
    parser.add_argument("--samples", type=int, default=15, help="How many processes are started.")
    parser.add_argument("--fuzz", type=int, default=1_000, help="How many senseless texts are tried.")
    parser.add_argument("--seed", type=int, default=1, help="Which senseless texts.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        corpus = asked.corpus or megabyte(Path(folder) / "pages")
        size = sum(path.stat().st_size for path in corpus.rglob("*.md*"))
        print(f"{size / 1e6:.2f} MB of pages")
        cache = Path(folder) / "cache"
        starts(corpus, cache, asked.samples)
        docs = DocsIndex.open(corpus=corpus, cache_dir=cache)
        docs.search("first")
        questions = read_questions(QUESTIONS)
        asks = [question.ask for question in questions if question.kind != PATTERNS]
        patterns = [question.ask for question in questions if question.kind == PATTERNS]
        show("search, each question for the first time", timed((text, docs.search) for text in asks))
        show("search, again", timed((text, docs.search) for text in asks))
        show("grep", timed((text, docs.grep) for text in patterns * 5))
        texts = list(senseless(asked.fuzz, asked.seed))
        show("senseless queries", timed((text, docs.search) for text in texts))
        show("senseless patterns", timed((text, docs.grep) for text in texts))


if __name__ == "__main__":
    main()
