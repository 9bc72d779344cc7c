"""Whose fault a failed run is: every error that the engine makes has its own answer."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp_scripted import RUN_ID, a_failure, a_run, a_step, a_waiting_run

import durable_engine
from durable_engine import RunStatus, StepKind, StepStatus
from mcp_server.render.faults import ENGINE_ERRORS, ENGINE_MESSAGES
from mcp_server.render.sentences import run_next, run_sentence

ENGINE = Path(durable_engine.__file__).parent
PASSES_ON = {"fail", "failure"}
"""Functions that make an error of the name they are given."""


def _constants(tree: ast.Module) -> dict[str, ast.expr]:
    found = {}
    for node in tree.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.Assign):
            (target, *_) = node.targets
        if isinstance(target, ast.Name) and node.value is not None:
            found[target.id] = node.value
    return found


def _texts(value: ast.expr, constants: dict[str, ast.expr]) -> set[str]:
    """All texts that the expression can have, those of the module's constants in it included."""
    texts = set()
    for node in ast.walk(value):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
        elif isinstance(node, ast.Name) and node.id in constants:
            texts |= _texts(constants[node.id], constants)
    return texts


def _errors_made(tree: ast.Module) -> Iterator[tuple[int, set[str]]]:
    constants = _constants(tree)
    passing = {
        line
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name in PASSES_ON
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            keys = {
                key.value: value
                for key, value in zip(node.keys, node.values, strict=True)
                if isinstance(key, ast.Constant)
            }
            if {"name", "message"} <= keys.keys() and node.lineno not in passing:
                yield node.lineno, _texts(keys["name"], constants)
        elif isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            # `finish.fail` takes errors, the others names.
            if name in PASSES_ON and node.args and not isinstance(node.args[0], ast.Name):
                yield node.lineno, _texts(node.args[0], constants)


def _names_made() -> set[str]:
    names = set()
    for path in ENGINE.rglob("*.py"):
        for line, texts in _errors_made(ast.parse(path.read_text(encoding="utf-8"))):
            made = {text for text in texts if text[:1].isupper()}
            assert made, f"{path.name}:{line}: the name of this error cannot be read from the code"
            names |= made
    return names


def test_every_error_that_the_engine_makes_is_explained_and_no_other():
    made = _names_made() - {"Error"}

    assert len(made) > 20
    assert made - ENGINE_ERRORS.keys() == set(), "explain these in mcp_server/render/faults.py"
    assert ENGINE_ERRORS.keys() - made == set(), "the engine does not make these any more"


@pytest.mark.parametrize("start", ENGINE_MESSAGES)
def test_messages_that_are_told_by_their_beginning_are_those_of_the_engine(start):
    assert any(start in path.read_text(encoding="utf-8") for path in ENGINE.rglob("*.py"))


@pytest.mark.parametrize("name", [*ENGINE_ERRORS, *ENGINE_MESSAGES])
def test_an_explanation_is_one_or_two_short_sentences(name):
    text = {**ENGINE_ERRORS, **ENGINE_MESSAGES}[name]

    assert text.endswith(".")
    assert len(text) < 220


def failed_run(error, **changes):
    return a_run(**{"status": RunStatus.FAILED, "output": None, "error": error, "steps": (), **changes})


@pytest.mark.parametrize("name", sorted(ENGINE_ERRORS))
def test_an_error_of_the_engine_is_not_laid_on_the_app(name):
    text = run_next(failed_run({"name": name, "message": "it is told here"}))

    assert text.startswith(ENGINE_ERRORS[name])
    assert "quoted" not in text
    assert "outside" not in run_sentence(failed_run({"name": name, "message": "m"}, steps=(a_step(),)))


@pytest.mark.parametrize("name", ["TimeoutError", "ConnectionError", "ValueError"])
def test_an_error_of_the_app_may_have_the_same_name(name):
    error = {"name": name, "message": "m", "stack": "Traceback"}

    assert run_next(failed_run(error)).startswith("The error above is quoted from the app.")
    assert "see the stack" in run_sentence(failed_run(error, steps=(a_step(),)))


def test_an_engine_error_that_the_apps_code_let_through_is_told_from_its_step():
    error = {"name": "AIGatewayError", "message": "api.test answered HTTP 401"}
    step = a_step("ask", kind=StepKind.AI_GATEWAY, status=StepStatus.FAILED, error=error)

    text = run_next(failed_run({**error, "stack": "at handler", "status": 500}, steps=(step,)))

    assert text.startswith("The AI provider that the step asked is at fault")


def test_an_invoked_run_that_failed_is_where_the_reason_is():
    error = {"name": "KeyError", "message": "'x'", "stack": "Traceback of the child"}
    step = a_step("ask", kind=StepKind.INVOKE, status=StepStatus.FAILED, error=error, child_run_id="child")
    run = failed_run({**error, "status": 500}, steps=(step,))

    assert "is FAILED in step 'ask' (invoked run child) after 1.2s" in run_sentence(run)
    assert run_next(run).startswith(
        'The run that the step invoked did not succeed: get_run_status runId="child"'
    )


def test_an_invoked_run_that_took_too_long_is_named_and_goes_on():
    error = {
        "name": "InngestInvokeTimeoutError",
        "message": "Timed out waiting for invoked function to complete",
    }
    step = a_step(
        "ask",
        kind=StepKind.INVOKE,
        status=StepStatus.FAILED,
        error=error,
        child_run_id="child",
        has_timed_out=True,
    )

    text = run_next(failed_run(error, steps=(step,)))

    assert "goes on" in text
    assert 'get_run_status runId="child" shows where it is.' in text


def test_a_new_run_is_proposed_only_where_one_can_be_started():
    error = {"name": "E", "message": "m", "stack": "s"}

    plain = run_next(failed_run(error), origin="http://127.0.0.1:8288")
    archived = run_next(failed_run(error, is_archived=True))
    endpoint = run_next(failed_run(error, is_endpoint=True))

    assert 'invoke_function functionId="shop-pay"' in plain
    assert f'rerun runId="{RUN_ID}" repeats this one' in plain
    assert "invoke_function" not in archived
    assert "not synced any more" in archived
    assert "invoke_function" not in endpoint
    assert "another request to the app" in endpoint


def test_attempts_that_fail_for_a_reason_of_the_engine_say_it_before_the_end():
    failure = a_failure(error={"name": "AppUnreachableError", "message": "nothing there"})
    run = a_waiting_run(steps=(), waiting_for=(), failures=(failure,))

    assert "retried (see failures). Stepcue could not reach the app: start it" in run_next(run)


def test_a_step_that_worked_in_the_end_is_not_being_retried():
    run = a_waiting_run(steps=(a_step(attempts=2, failures=(a_failure(),)),), waiting_for=())

    assert run_next(run) == f'poll_run_status runIds=["{RUN_ID}"] waits for the end.'
