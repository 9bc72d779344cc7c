"""Runs, functions and pages as the texts of resources."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mcp.types import CallToolResult

from docs_index import CorpusEntry, ListResult, ReadResult
from durable_engine import Function, Inventory, RunPage, RunRecord, RunStatus, StepKind
from mcp_server.clean import as_json, clean_text, in_json, one_line
from mcp_server.render.budget import first_fit, reply
from mcp_server.render.functions import function_info
from mcp_server.render.times import iso
from mcp_server.results.resources import FunctionDetail, RecentRuns, RunLine, SeenStep

_SHAPES = ((200, 10), (50, 10), (20, 3))
_MAX_CONTENTS = 20_000


def as_text(answer: CallToolResult) -> str:
    """Return the structured part of an answer as JSON text."""
    return as_json(answer.structured_content)


def recent_runs(page: RunPage) -> CallToolResult:
    """Return the newest runs."""
    runs = [run_line(run) for run in page.runs]
    more = " There are older ones." if page.next_cursor else ""
    return reply(
        RecentRuns(
            message=f"The {len(runs)} newest runs, newest first.{more}" if runs else "There are no runs yet.",
            runs=runs,
            next=f'get_run_status runId="{runs[0].run_id}" shows one step by step.' if runs else None,
        )
    )


def function_detail(
    function: Function, inventory: Inventory, seen: Mapping[str, StepKind], page: RunPage
) -> CallToolResult:
    """Return a function with the steps that its runs came to and its newest runs."""
    return first_fit(partial(_function, function, inventory, seen, page, *shape) for shape in _SHAPES)


def _function(
    function: Function,
    inventory: Inventory,
    seen: Mapping[str, StepKind],
    page: RunPage,
    steps: int,
    runs: int,
) -> CallToolResult:
    slug = one_line(function.slug, 100)
    left_out = len(seen) - steps
    return reply(
        FunctionDetail(
            message=f"Function {slug!r} of app {one_line(function.app_name, 100)!r}.",
            function=function_info(function, inventory),
            steps_seen=[
                SeenStep(step_id=one_line(name, 200), kind=kind.value) for name, kind in seen.items()
            ][:steps],
            recent_runs=[run_line(run) for run in page.runs[:runs]],
            truncated=f"{left_out} more steps were seen." if left_out > 0 else None,
            next=f'get_run_status runId="{page.runs[0].id}" shows the newest run.' if page.runs else None,
        )
    )


def run_line(run: RunRecord) -> RunLine:
    """Return one line of a list of runs."""
    return RunLine(
        run_id=run.id,
        function_id=run.function_slug,
        status=run.status.value,
        event_name=one_line(run.event_name, 200),
        queued_at=iso(run.queued_ms),
        ended_at=iso(run.ended_ms),
        error=error_words(run),
    )


def error_words(run: RunRecord) -> str | None:
    """Return the name and the message of what a run failed with, on one line; None if it did not fail."""
    if run.status is not RunStatus.FAILED or run.error is None:
        return None
    parts = (run.error.get("name"), run.error.get("message"))
    return one_line(": ".join(part for part in parts if isinstance(part, str) and part), 200) or None


def doc_page(found: ReadResult) -> str:
    """Return a page as markdown, with a remark where it is cut."""
    if found.next_offset is None:
        return clean_text(found.text)
    rest = f"read_doc path={in_json(found.path)} offset={found.next_offset} continues"
    return f"{clean_text(found.text)}\n[cut: {len(found.text):,} of {found.size:,} characters; {rest}]\n"


def contents_page(found: ListResult) -> str:
    """Return the table of contents as markdown, grouped as the pages are, within 20,000 characters.

    Descriptions make way for paths and titles, and those of the last pages for the rest.
    """
    told = _contents(found, with_descriptions=True)
    return told if len(told) <= _MAX_CONTENTS else _contents(found, with_descriptions=False)


def _contents(found: ListResult, *, with_descriptions: bool) -> str:
    lines = ["# Documentation", "", "Each page is the resource `docs://PATH`.", ""]
    if len(found.corpora) > 1:
        lines += [f"- {one_line(_corpus_line(corpus), 300)}" for corpus in found.corpora]
    group, size, shown = None, 0, 0
    for page in found.pages:
        line = f"- `{one_line(page.path, 300)}`: {one_line(page.title)}"
        if with_descriptions and page.description:
            line += f". {one_line(page.description, 300)}"
        size += len(line)
        if size > _MAX_CONTENTS and not with_descriptions:
            break
        # Bare paths need no name before their category; those of other corpora begin with it.
        own = f"{page.provenance.corpus}: {page.category}" if page.provenance.source else page.category
        own = one_line(own)
        if own != group:
            group = own
            lines += ["", f"## {group}", ""]
        lines.append(line)
        shown += 1
    if shown < found.total:
        lines.append(f"\n[{shown} of {found.total} pages shown; list_docs shows all]")
    return "\n".join(lines) + "\n"


def _corpus_line(corpus: CorpusEntry) -> str:
    source = f" from {corpus.source}, as of {corpus.as_of}" if corpus.source else f" {corpus.as_of}"
    return f"`{corpus.name}`: {corpus.title}{source}, {corpus.pages} pages"
