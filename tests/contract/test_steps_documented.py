"""Every step of the SDKs with its options, and all that functions and handlers have, is on its page."""

from __future__ import annotations

import inspect
import re
import sys
import typing
from collections.abc import Iterator

import inngest
import pytest
from support.node import APPS, packages
from support.pages import camel
from support.shipped_docs import shipped_docs

ELSEWHERE = {
    "sendSignal": "wait-for-signal",
    "invokeById": "invoke",
    "ai.infer": "ai",
    "ai.wrap": "ai",
    "ai.models": "ai",
    "realtime.publish": "publish",
    "group.parallel": "parallel",
    "group.experiment": "experiment",
}
"""Pages that are not called like the step."""
OPTIONS = {
    "waitForSignal": r"type WaitForSignalOpts = \{(.*?)\n\}",
    "sendSignal": r"type SendSignalOpts = \{(.*?)\n\}",
    "waitForEvent": r"  waitForEvent: <TOpts extends \{(.*?)\}, \"match\"",
    "ai.infer": r"type AiInferOpts<\w+ extends AiAdapter> = \{(.*?)\n\}",
    "invoke": r"type InvocationOpts<\w+ extends \w+> = InvocationTargetOpts.*?\{(.*?)\n\}",
}
"""Where the declarations of the TypeScript SDK list the options of a step."""
NOT_FOR_USERS = {"meta"}
"""What belongs to sessions, which are experimental."""


def _declared(file: str) -> str:
    folder = packages(APPS / "pages") / "inngest" / "components"
    return re.sub(r"/\*.*?\*/", "", (folder / file).read_text(encoding="utf-8"), flags=re.DOTALL)


def _members(declaration: str) -> Iterator[str]:
    """Yield the names in the body of a declaration, those of an object inside of it as `outer.inner`."""
    outer = ""
    for line in declaration.splitlines():
        if match := re.match(r"  (\w+): \{$", line):
            outer = match[1]
        elif match := re.match(r"  (\w+)\??: ", line):
            outer = ""
            yield match[1]
        elif outer and (match := re.match(r"    (\w+): ", line)):
            yield f"{outer}.{match[1]}"


def typescript_steps() -> list[str]:
    """Return the steps of version 4, such as `run` and `ai.infer`, and what `group` has."""
    tools = re.search(r"createStepTools: .*?\{\n(.*?)\n\};", _declared("InngestStepTools.d.ts"), re.DOTALL)
    group = re.search(r"interface GroupTools \{\n(.*?)\n\}", _declared("InngestGroupTools.d.ts"), re.DOTALL)
    assert tools is not None
    assert group is not None
    return [*_members(tools[1]), *(f"group.{name}" for name in _members(group[1]))]


def python_steps() -> dict[str, object]:
    """Return the steps as Python writes them, such as `wait_for_event` and `ai.infer`."""
    ai = vars(sys.modules[inngest.Step.__module__])["AI"]
    group = typing.get_type_hints(inngest.Context)["group"]
    return {
        f"{prefix}{name}": method
        for prefix, owner in (("", inngest.Step), ("ai.", ai), ("group.", group))
        for name, method in inspect.getmembers(owner, inspect.isfunction)
        if not name.startswith("_")
    }


def _page(step: str) -> str:
    name = ELSEWHERE.get(step) or re.sub(r"([A-Z])", r"-\1", step).lower()
    return shipped_docs().read(f"steps/{name}").text


def _written(step: str, name: str) -> str:
    return name if step.startswith("group.") else f"step.{name}"


def test_the_steps_are_read_from_the_sdks() -> None:
    assert {"run", "sleepUntil", "ai.infer", "ai.models", "fetch", "group.parallel"} <= set(
        typescript_steps()
    )
    assert {"run", "sleep_until", "ai.infer", "invoke_by_id", "group.parallel"} <= set(python_steps())


def _typescript_options(step: str) -> set[str]:
    declared = re.search(OPTIONS.get(step, "()"), _declared("InngestStepTools.d.ts"), re.DOTALL)
    assert declared is not None
    options = set(re.findall(r"^ +(\w+)\??:", declared[1], re.MULTILINE)) - NOT_FOR_USERS
    assert bool(options) == (step in OPTIONS)
    return options


def _undocumented(step: str) -> Iterator[str]:
    text = _page(step)
    if _written(step, step) not in text:
        yield step
    for option in sorted(_typescript_options(step)):
        if not re.search(rf"`{option}`|\b{option}[:,]", text):
            yield f"{step}: {option}"


def test_each_step_of_typescript_and_its_options_are_on_its_page() -> None:
    # Not one test a step: reading the SDK may install it first, which is nothing for the time of collection.
    assert [missing for step in typescript_steps() for missing in _undocumented(step)] == []


@pytest.mark.parametrize("step", python_steps())
def test_a_step_of_python_and_its_options_are_on_its_page(step: str) -> None:
    text = _page(camel(step))

    assert _written(step, step) in text
    parameters = inspect.signature(typing.cast("typing.Any", python_steps()[step])).parameters.values()
    options = [one.name for one in parameters if one.default is not one.empty or one.kind is one.KEYWORD_ONLY]
    assert [name for name in options if not re.search(rf"`{name}`|\b{name}=", text)] == []


def test_sync_functions_of_python_have_the_same_steps() -> None:
    def steps(owner: object) -> dict[str, list[str]]:
        found = inspect.getmembers(owner, inspect.isfunction)
        return {name: list(inspect.signature(step).parameters) for name, step in found if name[0] != "_"}

    assert steps(inngest.StepSync) == steps(inngest.Step)


def test_options_of_functions_and_arguments_of_handlers_are_on_their_page() -> None:
    options = re.search(r"interface Options<.*?\{\n(.*?)\n  \}", _declared("InngestFunction.d.ts"), re.DOTALL)
    context = re.search(r"type BaseContext<.*? = \{\n(.*?)\n\}", _declared("../types.d.ts"), re.DOTALL)
    assert options is not None
    assert context is not None
    typescript = re.findall(r"^    (\w+)\??:", options[1], re.MULTILINE) + list(_members(context[1]))
    python = [
        *inspect.signature(inngest.Inngest.create_function).parameters,
        *typing.get_type_hints(inngest.Context),
    ]
    assert {"retries", "runId"} <= set(typescript)

    text = shipped_docs().read("concepts/functions").text
    names = (set(typescript) | set(python)) - {"self", "experimentalCheckpointing"}
    assert [name for name in sorted(names) if not re.search(rf"`(?:ctx\.)?{name}`", text)] == []
