"""The fixture around an app in another language, which a fixture of the user starts."""

from __future__ import annotations

from pathlib import Path

from support.node import node
from support.typescript_shop import lay_out
from support.user_project import Project

CONFTEST = """
    import os, subprocess
    import pytest

    @pytest.fixture(scope="session")
    def stepcue_app(stepcue_origin):
        env = {**os.environ, "INNGEST_DEV": stepcue_origin, "SDK": "v4"}
        command = [os.environ["NODE"], "app.mjs"]
        with subprocess.Popen(command, env=env, stderr=subprocess.PIPE, text=True) as app:
            line = next(line for line in app.stderr if "listens on" in line)
            yield line.split()[-1]
            app.kill()
"""
TESTS = """
    def test_both_waits_are_met(stepcue):
        run = stepcue.test(
            event="shop/order",
            data={"id": "o-1", "n": 4},
            mocks={"mail": "mailed"},
            events=[{"name": "shop/shipped", "data": {"by": "post"}}, {"signal": "approve-4", "data": 1}],
        )
        run.assert_completed({"reservation": {"$any": "uuid"}, "amount": 12, "by": "post", "approved": 1})
        run.step("charge").assert_output({"amount": 12})
        run.assert_sent("shop/fulfilled")

    def test_the_mail_fails(stepcue):
        stepcue.test("tsshop-fulfil", data={"id": "o-1", "n": 4}).assert_completed()
"""


def test_a_typescript_app_is_tested_in_python(tmp_path: Path) -> None:
    lay_out(tmp_path, "v4")
    project = Project.make(tmp_path, conftest=CONFTEST)
    project.write("test_shop.py", TESTS)
    outcome = project.pytest(NODE=node())
    assert outcome.code == 1
    assert "1 failed, 1 passed" in outcome.text, outcome.text
    assert "mail: FAILED after 2 attempts, Error: not in tests" in outcome.text
    assert "raised at " in outcome.text
    assert "app.mjs:" in outcome.text
