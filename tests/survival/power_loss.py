"""A power cut, as far as it can be imitated: the newest commits never reached the disk."""

from __future__ import annotations

import random
import struct
from pathlib import Path
from typing import Final

import httpx
from support.invariants import check_nothing_hangs
from survival.data_file import DataFile, copy_of, read

from durable_engine import Engine, EngineConfig, ManualClock
from durable_engine.sdk.client import SDKClient

_HEADER: Final = 32
_FRAME: Final = 24
_MAX_FRAME_AT: Final = 16
"""Where the index of the log says how many frames it has, and below how many are in the file already."""
_ATTEMPTED_AT: Final = 128


def cut(path: Path, rng: random.Random) -> int | None:
    """Cut the log of a data file off, at a frame or in the middle of one; return how many frames are left.

    What a checkpoint has written into the file, or tried to, was on the disk before: it is never cut.
    None when there is nothing that could be lost.
    """
    log, index = Path(f"{path}-wal"), Path(f"{path}-shm")
    if not log.exists() or not index.exists() or log.stat().st_size <= _HEADER:
        return None
    (page,) = struct.unpack(">I", log.read_bytes()[8:12])
    shared = index.read_bytes()
    (frames,) = struct.unpack_from("=I", shared, _MAX_FRAME_AT)
    (synced,) = struct.unpack_from("=I", shared, _ATTEMPTED_AT)
    if frames <= synced:
        return None
    left = rng.randrange(synced, frames)
    torn = rng.choice([0, 0, rng.randrange(_FRAME + page)])
    with log.open("r+b") as file:
        file.truncate(_HEADER + left * (_FRAME + page) + torn)
    index.unlink()
    return left


async def check_cut(
    path: Path, folder: Path, whole: DataFile, rng: random.Random, *, now_ms: int
) -> list[str]:
    """Cut a copy of a data file, and return what is wrong with what is left, once an engine has opened it."""
    copy = copy_of(path, folder)
    left = cut(copy, rng)
    if left is None:
        return []
    try:
        data = read(copy_of(copy, folder / "read"))
        await _open(copy, now_ms=now_ms)
    except Exception as fault:  # noqa: BLE001 - reported with what was done
        return [f"after {left} frames of the log: {fault!r}"]
    return [
        f"after {left} frames of the log: {fault}" for fault in [*data.faults, *_not_earlier(data, whole)]
    ]


async def _open(path: Path, *, now_ms: int) -> None:
    """Let an engine open it, without any app, and ask whether a run hangs."""

    def nobody(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    client = SDKClient(httpx.MockTransport(nobody))
    async with await Engine.open(
        EngineConfig(data_file=path), clock=ManualClock(now_ms), client=client
    ) as engine:
        await check_nothing_hangs(engine)


def _not_earlier(data: DataFile, whole: DataFile) -> list[str]:
    """Return in what a state is not one that the other had before."""
    faults = []
    for what, some, every in (("events", data.events, whole.events), ("runs", data.runs, whole.runs)):
        if list(some) != list(every)[: len(some)]:
            faults.append(f"its {what} are not the first of those that were there")
    faults += [
        f"{key} has another result" for key, memo in data.memos.items() if whole.memos.get(key) != memo
    ]
    faults += [f"run {key} ended differently" for key, end in data.ends.items() if whole.ends.get(key) != end]
    return faults
