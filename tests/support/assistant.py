"""An assistant without a model: it does what the answers say, and pays for what it reads.

Each call after the first is one that the answer before it names. What the answer does not say, the values
that a person would give (an event's name, its data), comes from the task. So a session proves that `next`
can be acted on: the tool exists, its arguments are valid by its schema, and ids are those of answers.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from jsonschema import Draft202012Validator
from mcp import Client

CHARS_PER_TOKEN: Final = 4
"""An estimate: JSON and English come to between 3.5 and 4.5 characters a token."""

_ARGUMENT: Final = re.compile(r",? (?:and )?([a-z][A-Za-z]*)=")
_BARE: Final = re.compile(r"[\w./:+-]*[\w]")
_ULID: Final = re.compile(r"\b[0-7][0-9A-HJKMNP-TV-Z]{25}\b")
_ADVISING: Final = frozenset({"next", "whatToDo", "how", "suggestions", "truncated", "notes"})
_PLACEHOLDERS: Final = ("...", "…")


@dataclass(frozen=True)
class NamedCall:
    """A call that a text names: `explain runId="01J..."`. `open` are arguments it leaves to the reader."""

    tool: str
    arguments: dict[str, Any]
    open: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Turn:
    """One call and how many characters its answer cost."""

    tool: str
    arguments: dict[str, Any]
    chars: int


@dataclass
class Assistant:
    """A conversation with one server."""

    client: Client
    instructions: str
    schemas: dict[str, dict[str, Any]]
    definition_chars: int
    turns: list[Turn] = field(default_factory=list)
    answer: dict[str, Any] = field(default_factory=dict)
    _seen: set[str] = field(default_factory=set)

    @classmethod
    async def meet(cls, client: Client) -> Assistant:
        """Read what a host shows a model before the first call: instructions, names, schemas."""
        tools = (await client.list_tools()).tools
        shown = [
            {"name": tool.name, "description": tool.description, "inputSchema": tool.input_schema}
            for tool in tools
        ]
        return cls(
            client,
            client.instructions or "",
            {tool.name: tool.input_schema for tool in tools},
            len(_compact(shown)) + len(client.instructions or ""),
        )

    async def begin(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Make the first call of a task: one that the instructions name."""
        assert re.search(rf"\b{tool}\b", self.instructions), f"the instructions do not name {tool}"
        return await self._call(tool, arguments)

    async def ask(self, tool: str, *fields: str, **words: Any) -> dict[str, Any]:
        """Put a question of the task: a call that the instructions name, with `fields` of the answer."""
        return await self.begin(tool, **{name: self.answer[name] for name in fields}, **words)

    async def follow(self, tool: str | None = None, **words: Any) -> dict[str, Any]:
        """Make the call that `next` of the answer names first, or the one of `tool` there.

        `words` are what the task adds: only arguments that the answer leaves open, or gives as an example.
        """
        assert "next" in self.answer, f"no next in: {_compact(self.answer)}"
        named = list(self.calls_in(self.answer["next"]))
        call = next((call for call in named if tool in (None, call.tool)), None)
        assert call is not None, f"next does not name {tool or 'a call'}: {self.answer['next']}"
        missing = {
            name: self.answer[name]
            for name in self.schemas[call.tool].get("required", ())
            if name not in {*call.arguments, *words} and name in self.answer
        }
        return await self._call(call.tool, {**missing, **call.arguments, **words})

    def calls_in(self, text: str) -> Iterator[NamedCall]:
        """Yield the calls that a text of ours names, in its order."""
        for match in re.finditer(rf"\b({'|'.join(self.schemas)})\b", text):
            arguments, is_open = _arguments(text, match.end())
            yield NamedCall(match[1], arguments, is_open)

    @property
    def answer_chars(self) -> int:
        """What all answers cost."""
        return sum(turn.chars for turn in self.turns)

    async def _call(self, tool: str, arguments: dict[str, Any]) -> dict[str, Any]:
        self._check(NamedCall(tool, arguments), where="the call")
        unseen = set(_ULID.findall(_compact(arguments))) - self._seen
        assert not unseen, f"{tool} is asked for ids that no answer had: {unseen}"
        result = await self.client.call_tool(tool, arguments)
        text = "\n".join(getattr(block, "text", "") for block in result.content)
        assert not result.is_error, f"{tool} {_compact(arguments)}: {text}"
        self.answer = dict(result.structured_content or {})
        # Some hosts show the text, others the structured part: the dearer one counts.
        self.turns.append(Turn(tool, arguments, max(len(text), len(_compact(self.answer)))))
        self._seen.update(_ULID.findall(_compact(self.answer)))
        self.check_advice(tool, self.answer)
        return self.answer

    def check_advice(self, tool: str, answer: dict[str, Any]) -> None:
        """Every call that an answer of `tool` names fits the schema of the tool it is for."""
        for key, advice in _advice(answer):
            for call in self.calls_in(advice):
                self._check(call, where=f"{key} of {tool}: {advice!r}")

    def _check(self, call: NamedCall, *, where: str) -> None:
        """A named call has to fit the tool's schema; one that is open, as far as it goes."""
        schema = dict(self.schemas[call.tool])
        if where != "the call":
            schema.pop("required", None)
        faults = [fault.message for fault in Draft202012Validator(schema).iter_errors(call.arguments)]
        faults += sorted(call.open - set(schema.get("properties", {})))
        assert faults == [], f"{where}: {call.tool}"


def _arguments(text: str, at: int) -> tuple[dict[str, Any], frozenset[str]]:
    """Read `name=value name=value` from a place on: JSON, or a bare word."""
    arguments: dict[str, Any] = {}
    is_open: set[str] = set()
    while match := _ARGUMENT.match(text, at):
        name, start = match[1], match.end()
        try:
            value, at = json.JSONDecoder().raw_decode(text, start)
        except ValueError:
            if placeholder := re.compile(r"\[\.\.\.\]|\{\.\.\.\}|…").match(text, start):
                is_open.add(name)
                at = placeholder.end()
                continue
            bare = _BARE.match(text, start)
            assert bare is not None, f"cannot be read as a value: {text[start:][:60]!r}"
            value, at = bare[0], bare.end()
        if any(mark in _compact(value) for mark in _PLACEHOLDERS):
            is_open.add(name)
        else:
            arguments[name] = value
    return arguments, frozenset(is_open)


def _advice(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every sentence of an answer that tells what to do."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _advice(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from _advice(item, key)
    elif isinstance(value, str) and key in _ADVISING:
        yield key, value


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
