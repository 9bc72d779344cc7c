"""What the installed SDKs take is on the pages: options, serve adapters, and environment variables."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType

import inngest
import inngest.connect
import inngest.digital_ocean
import inngest.django
import inngest.fast_api
import inngest.flask
import inngest.tornado
import pytest
from inngest._internal.const import EnvKey
from pydantic import BaseModel
from support.node import APPS, node, packages
from support.shipped_docs import shipped_docs

ADAPTERS: tuple[ModuleType, ...] = (
    inngest.digital_ocean,
    inngest.django,
    inngest.fast_api,
    inngest.flask,
    inngest.tornado,
)
CONFIGURATION: tuple[type[BaseModel], ...] = (
    inngest.Batch,
    inngest.Cancel,
    inngest.Concurrency,
    inngest.Debounce,
    inngest.Priority,
    inngest.RateLimit,
    inngest.Singleton,
    inngest.Throttle,
    inngest.Timeouts,
    inngest.TriggerCron,
    inngest.TriggerEvent,
)
SDK = Path(inspect.getfile(inngest)).parent
TYPES = """\
import type { BaseContext, Inngest, InngestFunction } from "inngest";
import type { ConnectHandlerOptions } from "inngest/connect";
import type { serve } from "inngest/node";

export type client = ConstructorParameters<typeof Inngest>[0];
export type fn = InngestFunction.Options;
export type serving = Parameters<typeof serve>[0];
export type handler = BaseContext<Inngest.Any>;
export type connecting = Pick<ConnectHandlerOptions, Exclude<keyof ConnectHandlerOptions, keyof serving>>;
"""
PAGES = {
    "client": "sdk/client-options",
    "fn": "sdk/function-options",
    "handler": "sdk/function-options",
    "serving": "operations/serving-typescript",
    "connecting": "operations/connect",
}


def _missing(page: str, names: Iterable[str]) -> list[str]:
    """Return the names that this page does not show as code."""
    text = shipped_docs().read(page).text
    return [name for name in names if f"`{name}`" not in text]


def _parameters(call: object) -> list[str]:
    assert callable(call)
    return [name for name in inspect.signature(call).parameters if name != "self"]


@pytest.mark.parametrize(
    ("page", "call"),
    [
        ("sdk/client-options", inngest.Inngest.__init__),
        ("sdk/function-options", inngest.Inngest.create_function),
        ("operations/connect", inngest.connect.connect),
        *[
            pytest.param("operations/serving-python", adapter.serve, id=adapter.__name__)
            for adapter in ADAPTERS
        ],
    ],
)
def test_every_option_in_python_is_on_its_page(page: str, call: object) -> None:
    parameters = _parameters(call)

    assert len(parameters) >= 5
    assert _missing(page, parameters) == []


def test_what_a_handler_in_python_gets_is_on_the_page() -> None:
    names = [f"ctx.{name}" for name in inngest.Context.__annotations__]

    assert len(names) >= 5
    assert _missing("sdk/function-options", names) == []


@pytest.mark.parametrize("made_of", CONFIGURATION)
def test_every_field_of_an_option_in_python_is_on_the_page(made_of: type[BaseModel]) -> None:
    assert _missing("sdk/function-options", made_of.model_fields) == []


def test_every_adapter_in_python_is_on_its_page() -> None:
    found = {f"inngest.{file.stem}" for file in SDK.glob("*.py") if "def serve(" in file.read_text("utf-8")}

    assert found == {adapter.__name__ for adapter in ADAPTERS}
    assert _missing("operations/serving-python", found) == []


def test_every_variable_that_the_python_sdk_reads_is_on_the_page() -> None:
    literal = re.compile(r"""(?:getenv|environ(?:\.get)?)[\[(]\s*["'](\w+)""")
    files = [file for file in SDK.rglob("*.py") if not file.stem.endswith("_test")]
    # Most are read by a name of the SDK's own list; nothing may be read beside it unnoticed.
    found = {name for file in files for name in literal.findall(file.read_text("utf-8"))}
    found |= {key.value for key in EnvKey}

    assert _missing("reference/environment-variables", found) == []


@pytest.fixture(scope="module")
def typescript_options(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[str]]:
    """The names of all options in the types of the TypeScript SDK."""
    folder = APPS / "pages"
    modules = packages(folder)
    work = tmp_path_factory.mktemp("options")
    (work / "node_modules").symlink_to(modules, target_is_directory=True)
    (work / "package.json").write_text('{"type": "module"}', encoding="utf-8")
    (work / "options.ts").write_text(TYPES, encoding="utf-8")
    command = [node(), str(folder / "options.mjs"), str(work / "options.ts")]
    done = subprocess.run(command, cwd=work, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    names: dict[str, list[str]] = json.loads(done.stdout)
    return names


@pytest.mark.parametrize("kind", PAGES)
def test_every_option_in_typescript_is_on_its_page(
    kind: str, typescript_options: Mapping[str, list[str]]
) -> None:
    names = typescript_options[kind]

    assert len(names) >= 5
    assert _missing(PAGES[kind], names) == []


def test_every_adapter_in_typescript_is_on_its_page() -> None:
    sdk = packages(APPS / "v4") / "inngest"
    exports = json.loads((sdk / "package.json").read_text("utf-8"))["exports"]
    code = {name: sdk / f"{name}.js" for name in exports}
    adapters = {
        f"inngest/{name.removeprefix('./')}": file.read_text("utf-8")
        for name, file in code.items()
        if file.is_file() and "const frameworkName =" in file.read_text("utf-8")
    }
    streaming = {name for name, text in adapters.items() if "transformStreamingResponse" in text}

    assert len(adapters) >= 15
    assert _missing("operations/serving-typescript", adapters) == []
    text = shipped_docs().read("operations/streaming").text
    (row,) = [line for line in text.splitlines() if line.startswith("| TypeScript 4 | `inngest/")]
    assert set(re.findall(r"`(inngest/\w+)`", row)) == streaming


@pytest.mark.parametrize("version", ["v3", "v4"])
def test_every_variable_that_the_typescript_sdk_reads_is_on_the_page(version: str) -> None:
    modules = packages(APPS / version)
    files = [modules / "inngest" / "helpers" / "consts.js", *modules.glob("@inngest/ai/dist/env.js")]
    names = {
        name
        for file in files
        for name in re.findall(r'envKeys[^"\n]*"\w+"\] = "(\w+)"', file.read_text("utf-8"))
    }

    assert {"INNGEST_DEV", "OPENAI_API_KEY"} <= names
    assert _missing("reference/environment-variables", names) == []
