"""Options for a server elsewhere, and those that contradict them."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from mcp_server.cli import main
from mcp_server.remote_options import read_mirror

KEY = "signkey-prod-" + "c0ffee11" * 8


@pytest.mark.parametrize("command", ["dev", "mcp"])
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--engine", "http://x", "-u", "http://y"], "--sdk-url is about the engine in here"),
        (["--engine", "http://x", "--in-memory"], "--in-memory is about the engine in here"),
        (["--allow-writes"], "--allow-writes needs --engine"),
        (["--env", "feature/x"], "--env needs --engine or --mirror"),
        (["--mirror-signing-key", KEY], "--mirror-signing-key needs --mirror"),
        (["--engine", "http://x", "--mirror", "http://y"], "--mirror is about the engine in here"),
        (["--mirror", "http://x", "--allow-writes"], "--allow-writes needs --engine"),
        (["--mirror", "cloud"], "Give it as STEPCUE_MIRROR_SIGNING_KEY"),
        (["--mirror", "ftp://planted:x@y"], "--mirror 'ftp://[redacted]@y' is neither 'cloud' nor"),
        (
            ["--mirror", "x", "--mirror-signing-key", "planted"],
            "(STEPCUE_MIRROR_SIGNING_KEY) or --signing-key",
        ),
        (["--engine", "cloud"], "Inngest Cloud asks for a signing key"),
        (
            ["--engine", "http://x", "--signing-key", "planted"],
            "--signing-key (INNGEST_SIGNING_KEY) is not of",
        ),
        (
            ["--engine", "http://x", "--tools", "lst_runs"],
            "There is no tool 'lst_runs'. Did you mean 'list_runs'?",
        ),
    ],
)
def test_options_that_contradict_each_other_are_refused(command, arguments, words):
    said = CliRunner(env={"INNGEST_SIGNING_KEY": ""}).invoke(main, [command, *arguments])

    assert said.exit_code == 2
    assert words in " ".join(said.output.split())
    assert "planted" not in said.output


def test_variables_for_a_server_elsewhere_say_nothing_without_one():
    environment = {"INNGEST_ENV": "x", "INNGEST_EVENT_KEY": "k", "STEPCUE_ALLOW_WRITES": "1"}

    said = CliRunner(env=environment).invoke(main, ["dev", "--data", "/dev/null/no/file", "--port", "0"])

    assert "needs --engine" not in said.output


@pytest.mark.parametrize(
    ("given", "bearer"),
    [
        ({"mirror_signing_key": KEY, "signing_key": "signkey-test-ab"}, "signkey-prod-"),
        ({"mirror_signing_key": None, "signing_key": "signkey-test-ab"}, "signkey-test-"),
    ],
)
def test_a_server_to_mirror_has_a_key_of_its_own_and_is_only_read(given, bearer):
    options = {"mirror": " https://x/ ", "signing_key_fallback": None, "env": "feature/x", **given}

    target = read_mirror(options, frozenset({"mirror"}))

    assert target.signing_key.bearer.get_secret_value().startswith(bearer)
    assert (target.api_url, target.env, target.only_reads) == ("https://x", "feature/x", True)
    assert not target.allows_writes
