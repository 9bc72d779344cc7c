"""The way through a recorded run: one replay after the other, until the code takes another way."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from durable_engine.clock import Clock
from durable_engine.errors import ReplayError
from durable_engine.model.call import Call
from durable_engine.model.replay import Divergence, ReplayDifference
from durable_engine.model.status import RunStatus
from durable_engine.model.step import Step
from durable_engine.replay.asked import Answer, changes, is_unstable, read_answer
from durable_engine.replay.judgement import (
    Gap,
    difference,
    failed_in_app,
    find_gap,
    find_other_end,
    without_gap,
)
from durable_engine.replay.recording import Recording
from durable_engine.sdk.call_request import MAX_BODY_BYTES
from durable_engine.sdk.client import SDKClient

MAX_CALLS: Final = 50
_WALKED: Final = 36
"""Points replayed of a longer run; the rest of the calls is for looking closer at a difference."""
_LOOK_AHEAD: Final = 8
_CALL_S: Final = 15.0
_WHOLE_S: Final = 35.0
"""From then on no call is made: hosts of tools give up after 60 seconds."""
_ENVELOPE_BYTES: Final = 16 * 1024


class Caller:
    """Makes the calls of one check and measures them."""

    def __init__(self, client: SDKClient, clock: Clock, call: Call) -> None:
        self._client = client
        self.clock = clock
        self._call = call
        self._events_bytes = sum(len(event.encode()) for event in call.events)
        self._until_s = asyncio.get_running_loop().time() + _WHOLE_S
        self.durations_ms: list[float] = []

    def has(self, calls: int) -> bool:
        """Whether there is room for so many calls more."""
        in_time = asyncio.get_running_loop().time() < self._until_s
        return in_time and len(self.durations_ms) + calls <= MAX_CALLS

    def fits(self, memos: Mapping[str, str]) -> bool:
        """Whether the results fit into a request; the SDK would fetch larger ones, all of them."""
        size = sum(len(memo.encode()) for memo in memos.values()) + 64 * len(memos)
        return size + 2 * self._events_bytes + _ENVELOPE_BYTES < MAX_BODY_BYTES

    async def ask(self, memos: Mapping[str, str], *, is_last_attempt: bool = False) -> Answer:
        """Return what the code does with these results.

        Raises:
            ReplayError: it did not answer as an SDK does, or ran a step.
        """
        attempt = self._call.max_attempts - 1 if is_last_attempt else 0
        call = replace(self._call, memos=memos, attempt=attempt)
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        try:
            async with asyncio.timeout(_CALL_S):
                answer = read_answer(await self._client.call(call, now=self.clock.wall_ms))
        except TimeoutError:
            raise ReplayError(
                f"The code did not answer a replay within {_CALL_S:.0f} seconds.",
                hint="What takes so long is outside of steps: move it into a step.",
            ) from None
        self.durations_ms.append((loop.time() - began_s) * 1_000)
        _check_answer(answer)
        return answer


def _check_answer(answer: Answer) -> None:
    error = answer.error or {}
    message = str(error.get("message", ""))
    if not answer.is_of_app:
        raise ReplayError(message, hint="Nothing was compared. Start the app, then check again.")
    if error.get("code") == "function_not_found" or message.startswith("Could not find function with ID"):
        raise ReplayError(
            f"The app does not know the function any more: {message}.",
            hint="Nothing was compared. If it was renamed, start a run under its new id.",
        )
    if answer.ran:
        raise ReplayError(
            f"The SDK of the app ran step {answer.ran[0]!r} although it was asked only to plan, so that the "
            "check was stopped; its result was dropped.",
            hint="Use a newer SDK.",
        )


@dataclass
class _Seen:
    """The answer at a point, and how it differs from the record."""

    answer: Answer
    gap: Gap | None
    is_last_attempt: bool = False


class Walk:
    """Goes through the points of a run until the code takes another way."""

    def __init__(self, caller: Caller, recording: Recording) -> None:
        self.caller = caller
        self.differences: list[ReplayDifference] = []
        self.unstable: list[str] = []
        self.notes: list[str] = []
        self.checked: list[int] = []
        self._recording = recording
        self._compared: set[str] = set()

    async def go(self) -> None:
        """Replay the points in order."""
        points = self._recording.points
        chosen = _spread(points, _WALKED)
        if len(chosen) < len(points):
            self.notes.append(
                f"Of {len(points)} points {len(chosen)} were replayed, evenly spread: a step that is gone or "
                "in another place may lie between two of them."
            )
        for place, count in enumerate(chosen):
            memos = self._recording.memos(count)
            if not self.caller.fits(memos):
                if not self.checked:
                    raise ReplayError(
                        "The event of this run does not fit into a replay: 4 MiB, and it is sent twice.",
                        hint="Check a run for a smaller event.",
                    )
                self.notes.append(f"The results of more than {count} steps do not fit into a replay: 4 MiB.")
                return
            if not self.caller.has(1):
                self.notes.append(
                    f"Stopped after {place} of {len(chosen)} points: the replays took too long."
                )
                return
            seen = await self._look(count)
            self.checked.append(count)
            if seen.gap is not None:
                before = chosen[place - 1] if place else -1
                await self._name(*await self._first(before, count, seen))
                return
            await self._compare_inputs(count, seen.answer)
            if count == len(self._recording.ended) and not self._recording.expected(count):
                await self._compare_end(seen.answer)

    async def _look(self, count: int) -> _Seen:
        """Replay a point; code that raises at its first attempt only may have gone on at a later one."""
        memos = self._recording.memos(count)
        answer = await self.caller.ask(memos)
        gap = find_gap(self._recording, count, answer)
        if answer.error is not None and (gap is not None or self._recording.status is not RunStatus.FAILED):
            later = await self.caller.ask(memos, is_last_attempt=True)
            if later.error is None:
                return _Seen(later, find_gap(self._recording, count, later), is_last_attempt=True)
        return _Seen(answer, gap)

    async def _first(self, before: int, count: int, seen: _Seen) -> tuple[int, _Seen]:
        """Return the first point with a gap that can be found between `before` (it had none) and `count`."""
        between = [point for point in self._recording.points if before < point < count]
        while between and self.caller.has(_LOOK_AHEAD):
            middle = between[len(between) // 2]
            found = await self._look(middle)
            if found.gap is None:
                between = [point for point in between if point > middle]
            else:
                count, seen = middle, found
                between = [point for point in between if point < middle]
        return count, seen

    async def _name(self, count: int, seen: _Seen) -> None:
        """Find out what a gap is, if need be with results that the code would get later."""
        recording, answer, gap = self._recording, seen.answer, seen.gap
        if gap is None:
            return
        memos = recording.memos(count)
        again = await self.caller.ask(memos, is_last_attempt=seen.is_last_attempt)
        named = without_gap(recording, count, gap, answer, again)
        if named is None and gap.renamed is not None:
            step, asked = gap.renamed
            is_added = step.memo is not None and await self._comes(
                step, memos | self._results(answer) | {asked.ref.id: step.memo}, steps=1
            )
            kind = Divergence.NEW if is_added else Divergence.RENAMED
            named = difference(recording, count, kind, recorded=step, found=asked)
        elif named is None:
            step = gap.missing[0]
            other = next((asked for asked in answer.asked if asked.ref.id in recording.by_id), None)
            results = self._results(answer)
            is_later = bool(results) and await self._comes(step, memos | results, steps=_LOOK_AHEAD)
            kind = Divergence.REORDERED if is_later else Divergence.MISSING
            named = difference(recording, count, kind, recorded=step, found=other)
        self.differences.append(named)

    def _results(self, answer: Answer) -> dict[str, str]:
        """Return the recorded results of the steps that the code asks for."""
        known = (self._recording.by_id.get(step_id) for step_id in answer.ids)
        return {step.ref.id: step.memo for step in known if step is not None and step.memo is not None}

    async def _comes(self, wanted: Step, memos: dict[str, str], *, steps: int) -> bool:
        """Whether the code asks for a step when it gets the recorded results of those before, for a while."""
        for _ in range(steps):
            if not self.caller.has(1) or not self.caller.fits(memos):
                return False
            answer = await self.caller.ask(memos)
            if wanted.ref.id in answer.ids:
                return True
            results = self._results(answer)
            if not results.keys() - memos.keys():
                return False
            memos = memos | results
        return False

    async def _compare_inputs(self, count: int, answer: Answer) -> None:
        again: Answer | None = None
        for asked in answer.asked:
            step = self._recording.by_id.get(asked.ref.id)
            if step is None or asked.ref.id in self._compared:
                continue
            self._compared.add(asked.ref.id)
            found = changes(step, asked, now_ms=self.caller.clock.wall_ms())
            if not found:
                continue
            if again is None and self.caller.has(1):
                again = await self.caller.ask(self._recording.memos(count))
            others = () if again is None else again.asked
            if any(is_unstable(asked, other) for other in others if other.ref.id == asked.ref.id):
                self.unstable.append(step.ref.name)
                continue
            self.differences.append(
                difference(self._recording, count, Divergence.INPUT, recorded=step, changes=found)
            )

    async def _compare_end(self, answer: Answer) -> None:
        recording = self._recording
        if recording.status is RunStatus.FAILED and (answer.asked or not failed_in_app(recording)):
            self.notes.append(
                "How the run failed was not compared: it failed "
                + (
                    "in no step that its SDK reported, and the code asks for more steps there."
                    if answer.asked
                    else "in the engine or on the way to the app."
                )
            )
            return
        found = find_other_end(recording, answer)
        if found is None:
            return
        self.differences.append(found)
        if found.kind is Divergence.OUTPUT and self.caller.has(1):
            again = await self.caller.ask(recording.memos(len(recording.ended)))
            if again.output != answer.output:
                self.notes.append(
                    "The output differs at each replay: code outside of steps makes it of something random, "
                    "of the time, or of something from outside."
                )


def _spread(points: list[int], most: int) -> list[int]:
    """Return at most `most` of the points, evenly spread, the first and the last among them."""
    if len(points) <= most:
        return points
    return [points[place * (len(points) - 1) // (most - 1)] for place in range(most)]
