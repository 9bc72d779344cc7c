"""Verdicts as JUnit XML, the form that CI systems read."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

# What XML 1.0 cannot hold at all, escaped or not.
_IMPOSSIBLE: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test. `failure` and `error` are texts: a check failed, or the test could not be carried out."""

    file: str
    name: str
    seconds: float
    failure: str | None = None
    error: str | None = None
    output: str = ""


def junit_xml(cases: Sequence[Case]) -> str:
    """Return the report: one testsuite for each file."""
    suites = "".join(_suite(file, [case for case in cases if case.file == file]) for file in _files(cases))
    declaration = '<?xml version="1.0" encoding="utf-8"?>'
    return f'{declaration}\n<testsuites name="stepcue"{_totals(cases)}>\n{suites}</testsuites>\n'


def _files(cases: Sequence[Case]) -> list[str]:
    return list(dict.fromkeys(case.file for case in cases))


def _suite(file: str, cases: Sequence[Case]) -> str:
    body = "".join(map(_case, cases))
    return f"  <testsuite name={_attribute(file)}{_totals(cases)}>\n{body}  </testsuite>\n"


def _totals(cases: Sequence[Case]) -> str:
    failures = sum(case.failure is not None for case in cases)
    errors = sum(case.error is not None for case in cases)
    seconds = sum(case.seconds for case in cases)
    return f' tests="{len(cases)}" failures="{failures}" errors="{errors}" skipped="0" time="{seconds:.3f}"'


def _case(case: Case) -> str:
    classname = re.sub(r"\.json$", "", case.file).replace("\\", "/").strip("./").replace("/", ".")
    head = (
        f"    <testcase classname={_attribute(classname)} name={_attribute(case.name)} "
        f'file={_attribute(case.file)} time="{case.seconds:.3f}"'
    )
    parts = "".join(
        f"      <{tag} message={_attribute(text.partition(chr(10))[0])}>{_text(text)}</{tag}>\n"
        for tag, text in (("failure", case.failure), ("error", case.error))
        if text is not None
    )
    if case.output:
        parts += f"      <system-out>{_text(case.output)}</system-out>\n"
    return f"{head}>\n{parts}    </testcase>\n" if parts else f"{head}/>\n"


def _text(text: str) -> str:
    return escape(_possible(text))


def _attribute(text: str) -> str:
    return quoteattr(_possible(text), {"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})


def _possible(text: str) -> str:
    return _IMPOSSIBLE.sub("\N{REPLACEMENT CHARACTER}", text)
