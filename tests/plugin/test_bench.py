"""Engines around apps of every kind, several in one process, and assertions on what came of a run."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Iterator
from typing import Any

import fastapi
import inngest
import inngest.fast_api
import pytest
from inngest._internal import comm_lib, server_lib

from durable_engine import Fault, FaultKind, MockError, MockResult, MockTimeout
from durable_engine.errors import ConfigError, FunctionNotFoundError, InvalidInputError
from durable_engine.testing.bench import Bench
from durable_engine.testing.stepcue import Stepcue


def _functions(client: inngest.Inngest) -> list[inngest.Function[Any]]:
    @client.create_function(fn_id="greet", trigger=inngest.TriggerEvent(event="t/greet"), retries=1)
    def greet(ctx: inngest.ContextSync) -> Any:
        name = ctx.step.run("name", lambda: ctx.event.data["name"])
        ctx.step.send_event("tell", inngest.Event(name="t/greeted"))
        return f"Hello, {name}"

    return [greet]


def _wsgi_app() -> Any:
    """Return what `inngest.flask.serve` makes, without Flask: the SDK's own handler behind plain WSGI."""
    client = inngest.Inngest(app_id="wsgi")
    handler = comm_lib.CommHandler(
        client=client,
        enable_unauthed_sync=None,
        framework=server_lib.Framework.FLASK,
        functions=_functions(client),
        streaming=None,
    )

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        url = f"http://{environ['HTTP_HOST']}{environ['PATH_INFO']}"
        request = comm_lib.CommRequest(
            body=environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)),
            headers={k[5:].replace("_", "-").lower(): v for k, v in environ.items() if k.startswith("HTTP_")},
            public_path=None,
            query_params=dict(pair.split("=") for pair in environ["QUERY_STRING"].split("&") if pair),
            raw_request=environ,
            request_url=url,
            serve_origin=None,
            serve_path=None,
        )
        method = environ["REQUEST_METHOD"]
        ask = {"GET": handler.get_sync, "POST": handler.post_sync, "PUT": handler.put_sync}[method]
        answer = ask(request)
        start_response(f"{answer.status_code} x", list(answer.headers.items()))
        body = answer.body_bytes()
        assert isinstance(body, bytes)
        return [body]

    return app


def _asgi_app(app_id: str = "asgi", path: str = "/api/inngest") -> fastapi.FastAPI:
    client = inngest.Inngest(app_id=app_id)
    app = fastapi.FastAPI()

    @client.create_function(fn_id="blocks", trigger=inngest.TriggerEvent(event="t/block"))
    async def blocks(ctx: inngest.Context) -> Any:
        return len(client.send_sync(inngest.Event(name="t/x")))  # blocks the loop of the app

    inngest.fast_api.serve(app, client, [*_functions(client), blocks], serve_path=path)
    return app


@pytest.fixture(name="bench")
def one_bench(few_root_certificates: None) -> Iterator[Bench]:
    with Bench() as bench:
        yield bench


@pytest.fixture(name="it")
def one_engine(bench: Bench) -> Iterator[Stepcue]:
    with bench.engine(_asgi_app()) as it:
        yield it


def test_a_wsgi_app_is_served_and_tested(bench: Bench) -> None:
    with bench.engine(_wsgi_app()) as it:
        run = it.test("wsgi-greet", data={"name": "Eve"})
        run.assert_completed("Hello, Eve").assert_sent("t/greeted")


def test_several_apps_and_one_that_runs_elsewhere_are_tested_together(bench: Bench) -> None:
    here = [_wsgi_app(), _asgi_app("near")]
    with Bench() as other, other.engine(_asgi_app("far")):
        far = other._apps[0][1].origin
        with bench.engine(here) as it:
            assert it.functions == ["near-blocks", "near-greet", "wsgi-greet"]
            assert len(it.send("t/greet", {"name": "Eve"})) == 2
        with pytest.raises(Exception, match="another server") as caught, bench.engine(far):
            pass
        assert f"INNGEST_DEV={bench.origin}" in "".join(caught.value.__notes__)


def test_an_app_may_serve_elsewhere_than_usual(bench: Bench) -> None:
    with bench.engine(_asgi_app(path="/x/inngest"), path="/x/inngest") as it:
        it.invoke("greet", {"name": "Eve"}).assert_completed()


def test_an_app_that_blocks_its_own_loop_does_not_block_the_engine(it: Stepcue) -> None:
    it.test("asgi-blocks").assert_completed(1)


def test_the_address_stays_and_the_data_goes(bench: Bench) -> None:
    app = _asgi_app()
    for _ in range(2):
        with bench.engine(app) as it:
            assert it.origin == bench.origin == os.environ["INNGEST_DEV"]
            assert it.runs() == []
            it.invoke("greet", {"name": "Eve"})
            (served,) = bench._apps
    assert bench._apps == [served]


def test_the_environment_is_as_before_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INNGEST_DEV", "0")
    monkeypatch.delenv("INNGEST_BASE_URL", raising=False)
    with Bench():
        assert os.environ["INNGEST_DEV"].startswith("http://127.0.0.1:")
    assert os.environ["INNGEST_DEV"] == "0"
    assert "INNGEST_BASE_URL" not in os.environ


def test_a_port_that_is_taken_is_said(bench: Bench) -> None:
    with pytest.raises(ConfigError, match="Cannot listen on"):
        Bench(port=int(bench.origin.rpartition(":")[2]))


@pytest.mark.parametrize(
    ("mocks", "faults", "status", "attempts"),
    [
        ({"name": "Eve"}, None, "COMPLETED", 1),
        ({"name": MockError(message="no")}, None, "FAILED", 2),
        ({"name": [MockError(message="no"), MockResult(data="Eve")]}, None, "COMPLETED", 2),
        ({"name[0]": MockError(message="no", is_retriable=False)}, None, "FAILED", 1),
        (None, {"name": "step_error"}, "COMPLETED", 2),
        (None, {"name": Fault(kind=FaultKind.REPLY_LOST)}, "COMPLETED", 2),
        ([{"stepId": "name", "error": "no", "times": 1}], None, "COMPLETED", 2),
    ],
)
def test_doubles_have_a_short_form(it: Stepcue, mocks: Any, faults: Any, status: str, attempts: int) -> None:
    run = it.test("greet", data={"name": "Eve"}, mocks=mocks, faults=faults)
    run.assert_status(status).step("name").assert_attempts(attempts)


def test_a_list_that_is_no_list_of_outcomes_is_a_result(it: Stepcue) -> None:
    step = it.test("greet", mocks={"name": [1, 2]}).step("name").assert_output([1, 2])
    with pytest.raises(AssertionError, match="step 'name' output is not as expected") as caught:
        step.assert_output([1])
    assert "$ has 2 entries, not 1" in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"faults": {"name": "boom"}}, "There is no fault 'boom'; allowed: step_error"),
        ({"mocks": {"name": MockTimeout()}}, None),
        ({"mocks": [{"step": "name", "result": 1}]}, "Did you mean 'stepId'?"),
        ({"events": [{"nam": "x"}]}, "events[0]"),
        ({"expect": {"outptu": 1}}, "expect"),
        ({"time": "fast"}, "time"),
    ],
)
def test_what_cannot_be_given_is_refused(it: Stepcue, given: Any, words: str | None) -> None:
    if words is None:
        it.test("greet", **given).assert_failed("DoubleMismatchError")
        return
    with pytest.raises(InvalidInputError) as caught:
        it.test("greet", **given)
    assert words in str(caught.value)
    assert caught.value.__traceback__ is not None


def test_an_unknown_function_is_answered_with_those_there_are(it: Stepcue) -> None:
    with pytest.raises(FunctionNotFoundError) as caught:
        it.invoke("gret")
    assert "Functions of the app: asgi-blocks, asgi-greet." in caught.value.__notes__


def test_each_assertion_can_fail(it: Stepcue) -> None:
    run = it.test("greet", data={"name": "Eve"})
    step = run.step("name")
    for assertion, words in (
        (lambda: run.assert_completed("Hello"), 'output is not as expected: $ is "Hello, Eve", not "Hello"'),
        (run.assert_failed, "status is not as expected"),
        (lambda: run.assert_ran("nap"), "ran 'nap': never happened"),
        (lambda: run.assert_not_ran("name"), "ran 'name', which it should not have: COMPLETED"),
        (lambda: run.assert_steps("name"), "the order of steps is not as expected"),
        (lambda: run.assert_sent("t/else"), "sent 't/else': never happened; the events sent are"),
        (run.assert_waiting, "waiting is not as expected"),
        (lambda: step.assert_output("Ev"), "step 'name' output is not as expected"),
        (lambda: step.assert_attempts(2), "step 'name' attempts is not as expected"),
        (lambda: step.assert_error("no"), "step 'name' error is not as expected"),
        (lambda: step.assert_status("FAILED"), "step 'name' status is not as expected"),
        (step.assert_timed_out, "step 'name' timedOut is not as expected"),
    ):
        with pytest.raises(AssertionError) as caught:
            assertion()
        assert str(caught.value).startswith(words), caught.value
        assert "name: COMPLETED" in str(caught.value)


@pytest.mark.anyio
async def test_it_can_be_called_from_asynchronous_tests(it: Stepcue) -> None:
    run = await asyncio.to_thread(it.test, "greet", data={"name": "Eve"})
    run.assert_completed()
    it.test("greet", data={"name": "Eve"}).assert_completed()
