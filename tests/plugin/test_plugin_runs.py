"""The fixtures as users have them: pytest in a process of its own, around their own app."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.user_project import Project

ORDERS = """
    from durable_engine import MockError, MockEvent

    ORDER = {"orderId": "o-1", "items": [{"price": 12}]}

    def test_an_order_is_charged_and_confirmed(stepcue):
        run = stepcue.test("shop-process-order", data=ORDER, mocks={"send-confirmation": "sent"})
        run.assert_completed(output={"orderId": "o-1", "charged": 12, "tracking": "trk-o-1"})
        run.step("charge-card").assert_output({"chargeId": "ch-o-1", "amount": 12}).assert_attempts(1)
        run.step("send-confirmation").assert_output("sent")
        run.assert_not_ran("refund").assert_ran("reserve-stock")
        run.assert_steps("reserve-stock", "charge-card", "create-shipment", "send-confirmation")

    def test_both_paths_of_a_wait(stepcue):
        new = {"event": "app/user.signup", "data": {"userId": "u"}}
        run = stepcue.test(**new)
        run.assert_completed({"userId": "u", "activated": False})
        run.step("wait-for-first-project").assert_timed_out()
        made = {"name": "app/project.created", "data": {"userId": "u", "name": "p"}}
        run = stepcue.test(**new, events=[made], expect={"notRan": ["send-reminder"]})
        assert run.output == {"userId": "u", "activated": True, "project": "p"}
        run = stepcue.test(**new, mocks={"wait-for-first-project": MockEvent(data={"name": "q"})})
        assert run.output["project"] == "q"

    def test_retries_take_no_time(stepcue):
        mocks = [{"stepId": "send-welcome", "sequence": [{"error": "busy"}, {"result": "sent"}]}]
        run = stepcue.test("shop-onboard-user", data={"userId": "u"}, mocks=mocks)
        run.step("send-welcome").assert_attempts(2).assert_error("busy").assert_output("sent")
        run = stepcue.test("shop-onboard-user", data={"userId": "u"}, faults={"send-welcome": "reply_lost"})
        run.step("send-welcome").assert_attempts(2)
        run = stepcue.test(
            "shop-onboard-user", data={"userId": "u"}, mocks={"send-welcome": MockError(message="no")}
        )
        run.assert_failed("no").step("send-welcome").assert_attempts(5).assert_status("FAILED")

    def test_time_moves_only_when_told(stepcue):
        (run,) = stepcue.send("app/user.signup", {"userId": "u"}, time="real")
        run.assert_waiting("let-them-look-around").assert_status("RUNNING")
        assert len(stepcue.advance("1m").fired) >= 1
        stepcue.run(run).assert_waiting("wait-for-first-project")
        stepcue.send("app/project.created", {"userId": "u", "name": "p"})
        stepcue.run(run.id).assert_completed({"userId": "u", "activated": True, "project": "p"})

    def test_each_test_has_an_engine_of_its_own(stepcue):
        assert stepcue.runs() == []
        assert "shop-process-order" in stepcue.functions
        stepcue.mock("shop-onboard-user", "send-welcome", "hi", times=1)
        assert stepcue.invoke("onboard-user", {"userId": "u"}).step("send-welcome").output == "hi"
        stepcue.clear_mocks()
        assert stepcue.invoke("onboard-user", {"userId": "u"}).step("send-welcome").output != "hi"
        assert len(stepcue.runs("shop-onboard-user")) == 2

"""


def test_a_workflow_is_tested_in_plain_functions(tmp_path: Path) -> None:
    project = Project.make(tmp_path)
    project.write("test_orders.py", ORDERS)
    outcome = project.pytest()
    assert outcome.code == 0, outcome.text
    assert "5 passed" in outcome.text


def test_failures_name_the_step_the_difference_and_the_line_of_the_user(tmp_path: Path) -> None:
    project = Project.make(tmp_path)
    project.edit('return {"chargeId": f"ch-{order_id}", "amount": total}', "raise ValueError(order_id)")
    project.write(
        "test_orders.py",
        """
        ORDER = {"orderId": "o-1", "items": []}

        def test_completes(stepcue):
            stepcue.test("shop-process-order", data=ORDER).assert_completed()

        def test_output(stepcue):
            run = stepcue.test("shop-process-order", data=ORDER, mocks={"charge-card": {"amount": 1}})
            run.assert_completed({"orderId": "o-1", "charged": 2, "tracking": "trk-o-1"})

        def test_step(stepcue):
            stepcue.test("shop-process-order", data=ORDER).step("charge")

        def test_unknown(stepcue):
            stepcue.test("shop-process-orders", data=ORDER)

        def test_unused(stepcue):
            run = stepcue.test("shop-process-order", data=ORDER, mocks={"charge": 1})
            run.assert_completed()

        def test_document(stepcue):
            stepcue.scenario({"event": "shop/order.creatd", "data": ORDER})

        def test_misspelt(stepcue):
            stepcue.scenario({"event": "shop/order.created", "mock": []})
        """,
    )
    outcome = project.pytest()
    assert outcome.code == 1
    assert "7 failed" in outcome.text
    for words in (
        "status is not as expected: ValueError: o-1",
        "charge-card: FAILED after 5 attempts, ValueError: o-1",
        " in charge_card: raise ValueError(order_id)",
        "output is not as expected: $.charged is 1, not 2",
        'charge-card: COMPLETED (double: result), {"amount":1}',
        'ran \'charge\': never happened; its steps are ["reserve-stock","charge-card"]',
        "No function 'shop-process-orders'.",
        "Functions of the app: shop-import-invoices, shop-onboard-user, shop-process-order.",
        "Note: The double for step 'charge' was never used",
        "no function listens to 'shop/order.creatd'",
        "mock is no field here. Did you mean 'mocks'?",
    ):
        assert words in outcome.text, outcome.text
    assert "concurrent/futures" not in outcome.text


def test_processes_and_engines_do_not_meet(tmp_path: Path) -> None:
    projects = [Project.make(tmp_path / name) for name in ("one", "two")]
    for project in projects:
        project.write("test_orders.py", ORDERS)
    running = [
        subprocess.Popen(
            project.command(), cwd=project.folder, env=project.env(), stdout=subprocess.PIPE, text=True
        )
        for project in projects
    ]
    for process in running:
        text, _ = process.communicate(timeout=60)
        assert process.returncode == 0, text


def test_an_app_that_was_imported_too_early_is_named_and_helped(tmp_path: Path) -> None:
    project = Project.make(tmp_path)
    project.write(
        "test_orders.py",
        """
        from shop_app import app  # noqa: F401

        def test_order(stepcue):
            stepcue.test("shop-process-order", data={"orderId": "o-1"}).assert_completed()
        """,
    )
    outcome = project.pytest(INNGEST_SIGNING_KEY="signkey-test-00", INNGEST_EVENT_KEY="e")
    assert outcome.code == 1
    assert "is in cloud mode, not in development" in outcome.text
    assert "Import the app inside of the fixture stepcue_app" in outcome.text

    elsewhere = project.pytest(INNGEST_DEV="http://127.0.0.1:9")
    assert elsewhere.code == 1
    assert "Import the app inside of the fixture stepcue_app" in elsewhere.text

    project.write("pytest.ini", "[pytest]\nstepcue_early = true\n")
    outcome = project.pytest()
    assert outcome.code == 0, outcome.text


@pytest.mark.parametrize(
    ("app", "words"),
    [
        ("return 7", "stepcue_app gave int, which is no app"),
        ("return 'shop'", "'shop' is not the URL of an app"),
        ("return 'http://127.0.0.1:9'", "Unable to reach the app at http://127.0.0.1:9/api/inngest"),
        ("return FastAPI()", "not as an Inngest endpoint"),
        ("return FastAPI(lifespan=broken)", "its lifespan failed"),
        (None, "Define a fixture stepcue_app"),
    ],
)
def test_what_cannot_be_tested_is_said_in_a_sentence(tmp_path: Path, app: str | None, words: str) -> None:
    fixture = f"\n@pytest.fixture\ndef stepcue_app():\n    {app}\n" if app else ""
    head = "import pytest\nfrom contextlib import asynccontextmanager\nfrom fastapi import FastAPI\n"
    lifespan = (
        "@asynccontextmanager\nasync def broken(app):\n    raise RuntimeError('no database')\n    yield\n"
    )
    project = Project.make(tmp_path, conftest=head + lifespan + fixture)
    project.write("test_orders.py", "def test_order(stepcue):\n    pass\n")
    outcome = project.pytest()
    assert outcome.code != 0
    assert words in outcome.text, outcome.text


def test_suites_that_do_not_use_it_load_nothing_of_it(tmp_path: Path) -> None:
    project = Project.make(tmp_path, conftest="")
    project.write(
        "test_plain.py",
        """
        import os, sys

        def test_plain():
            assert "pytest_stepcue" in sys.modules
            assert "durable_engine" not in sys.modules
            assert "httpx" not in sys.modules
            assert "INNGEST_DEV" not in os.environ
        """,
    )
    outcome = project.pytest()
    assert outcome.code == 0, outcome.text


def test_the_engine_needs_no_pytest() -> None:
    code = "import sys, durable_engine.testing.bench; assert 'pytest' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
