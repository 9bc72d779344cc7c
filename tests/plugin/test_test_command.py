"""`stepcue test`: scenario files in, lines, an exit code and a report out; on the sample app."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from support.user_project import Outcome, Project

from durable_engine.testing.apps import ASGIServer
from durable_engine.testing.environment import pointing_at
from durable_engine.testing.listening import bind, origin_of
from mcp_server.cli import main
from mcp_server.testing.junit import Case, junit_xml

ORDER = {"event": "shop/order.created", "data": {"orderId": "o-1", "items": [{"price": 12}]}}
PAID = {**ORDER, "name": "an order is charged", "expect": {"steps": {"charge-card": {"attempts": 1}}}}
WRONG = {
    **ORDER,
    "name": "a <wrong> & bad ]]> \u0001 expectation",
    "mocks": [{"stepId": "create-shipment", "result": {"trackingNumber": "t"}}],
    "expect": {"steps": {"charge-card": {"output": {"chargeId": "ch-o-1", "amount": 13}}}},
}


@pytest.fixture(name="port", scope="module")
def free_port() -> int:
    with bind() as bound:
        return int(bound.getsockname()[1])


@pytest.fixture(name="app_url", scope="module")
def running_app(
    port: int, few_root_certificates: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The sample app, started for an engine on `port`."""
    folder = Project.make(tmp_path_factory.mktemp("project")).folder
    with pytest.MonkeyPatch.context() as patch, pointing_at(f"http://127.0.0.1:{port}"):
        patch.syspath_prepend(folder)
        from shop_app import app  # type: ignore[import-not-found] # noqa: PLC0415

    server = ASGIServer(app)
    yield f"{server.origin}/api/inngest"
    server.close()
    sys.modules.pop("shop_app", None)


def _stepcue(folder: Path, *arguments: str) -> Outcome:
    done = subprocess.run(
        [sys.executable, "-m", "mcp_server", "test", *arguments],
        cwd=folder,
        env=Project(folder).env(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Outcome(done.returncode, done.stdout + done.stderr)


def _write(folder: Path, document: Any, name: str = "orders.json") -> str:
    text = document if isinstance(document, str) else json.dumps(document)
    (folder / name).write_text(text, encoding="utf-8")
    return name


def test_files_are_carried_out_and_reported(tmp_path: Path, app_url: str, port: int) -> None:
    one = _write(tmp_path, {"app": app_url, "scenarios": [PAID, WRONG]}, "orders.json")
    two = _write(tmp_path, {"event": "app/user.signup", "data": {"userId": "u"}}, "signup.json")
    three = _write(tmp_path, {"functionId": "no-such"}, "unknown.json")
    listening = ("--port", str(port))

    outcome = _stepcue(tmp_path, one, two, *listening, "--junit-xml", "out/report.xml")
    assert outcome.code == 1, outcome.text
    assert "passed  an order is charged" in outcome.text
    assert "passed  signup" in outcome.text
    assert "step 'charge-card' output is not as expected: $.amount is 12, not 13" in outcome.text
    assert "1 of 3 tests failed." in outcome.text

    root = ET.parse(tmp_path / "out" / "report.xml").getroot()  # noqa: S314 - ours
    assert (root.tag, root.get("tests"), root.get("failures")) == ("testsuites", "3", "1")
    assert [(suite.get("name"), suite.get("tests")) for suite in root] == [(one, "2"), (two, "1")]
    bad = root[0][1]
    assert bad.get("name") == WRONG["name"].replace("\u0001", "\ufffd")
    assert float(bad.get("time") or 0) > 0
    failure = bad.find("failure")
    assert failure is not None
    assert "$.amount is 12, not 13" in (failure.get("message") or "")
    assert "create-shipment: COMPLETED (double: result)" in (failure.text or "")

    passing = _stepcue(tmp_path, two, "-u", app_url, *listening, "--timeout", "20")
    assert (passing.code, passing.text.splitlines()[-1]) == (0, "1 test passed."), passing.text

    unknown = _stepcue(tmp_path, three, two, "-u", app_url, *listening)
    assert unknown.code == 2
    assert "No function 'no-such'" in unknown.text
    assert "passed  signup" in unknown.text


def test_tests_do_not_see_each_other(tmp_path: Path, app_url: str, port: int) -> None:
    same = {**ORDER, "functionId": "shop-process-order"}
    file = _write(tmp_path, {"app": app_url, "scenarios": [same, same, same]})
    outcome = _stepcue(tmp_path, file, "--port", str(port))
    assert outcome.code == 0, outcome.text
    assert "passed  orders[2]" in outcome.text


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("{", "orders.json:1:2: this is no JSON"),
        ("[]", 'orders.json: a file holds a test such as {"event"'),
        ({"scenarios": []}, "orders.json: scenarios: a list of tests is expected"),
        ({"scenarios": [1]}, "orders.json: scenarios[0]: a test is an object"),
        (
            {"scenarios": [{"event": "a"}, {"evnt": "a"}]},
            "orders.json: scenarios[1]: The test cannot be read",
        ),
        (
            {"scenarios": [{"event": "a"}], "apps": []},
            "apps: there is no such field; allowed: app, note, scenarios",
        ),
        ({"scenarios": [{"event": "a", "name": 3}]}, "scenarios[0]: name: a text is expected"),
        ({"scenarios": [{"event": "a"}], "app": 7}, "app: the URL of the app's serve endpoint is a text"),
        ({"event": "a", "mocks": [{"stepId": "x"}]}, "mocks[0] give exactly one of result, error"),
        ("[" * 100_000, "nested too deeply"),
        ({"event": "a"}, "No app is named. Give -u"),
        ({"scenarios": [{"event": "a"}], "app": "http://127.0.0.1:9"}, "Unable to reach the app"),
    ],
)
def test_what_cannot_be_carried_out_is_said_in_a_sentence(
    tmp_path: Path, document: Any, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    outcome = CliRunner().invoke(main, ["test", _write(tmp_path, document), "--port", "0"])
    assert outcome.exit_code == 2
    assert words in outcome.output.replace("\n", " "), outcome.output
    assert isinstance(outcome.exception, SystemExit)


def test_files_and_ports_that_are_not_there(tmp_path: Path) -> None:
    missing = _stepcue(tmp_path, "missing.json")
    assert (missing.code, "missing.json: the file cannot be read" in missing.text) == (2, True)
    (tmp_path / "latin.json").write_bytes(b'{"event": "\xe9"}')
    assert "is not UTF-8" in _stepcue(tmp_path, "latin.json").text
    file = _write(tmp_path, {"event": "a"})
    with bind() as bound:
        taken = _stepcue(tmp_path, file, "-u", "x:1", "--port", origin_of(bound).rpartition(":")[2])
    assert taken.code == 2
    assert "Cannot listen on 127.0.0.1 port" in taken.text


@given(name=st.text(), failure=st.text(), file=st.text())
def test_any_text_makes_a_report_that_parsers_read(name: str, failure: str, file: str) -> None:
    text = junit_xml([Case(file=file, name=name, seconds=1.5, failure=failure, output=failure)])
    root = ET.fromstring(text.encode("utf-8"))  # noqa: S314 - ours
    (case,) = root.iter("testcase")
    assert case.get("time") == "1.500"
    if name.isprintable():
        assert case.get("name") == name
