"""Ids that are random, derived or seeded."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest
from ulid import ULID

from durable_engine.ids import MAX_ULID_MS, derived_ulid, is_ulid, new_ulid, seeded_ulid, uuid_for

MS = 1_795_246_975_852
ENTROPY = bytes(range(10))


def _seed(ms: int | str = MS, entropy: bytes = ENTROPY) -> str:
    return f"{ms},{base64.b64encode(entropy).decode()}"


def _bytes(ulid: str) -> bytes:
    return bytes(ULID.from_str(ulid))


@pytest.mark.parametrize("ms", [0, 1, MS, MAX_ULID_MS])
@pytest.mark.parametrize("seed", [bytes(10), ENTROPY, b"\xff" * 10])
def test_an_id_is_written_as_the_library_writes_it(ms: int, seed: bytes) -> None:
    text = seeded_ulid(_seed(ms, seed), -1, now_ms=ms)
    assert text == str(ULID(ms.to_bytes(6, "big") + seed))


@pytest.mark.parametrize("position", [0, 1, 7, 4_999])
def test_a_seeded_id_has_the_seeds_time_and_position_plus_one_added_to_its_last_four_bytes(
    position: int,
) -> None:
    expected = MS.to_bytes(6, "big") + ENTROPY[:6] + (0x06070809 + position + 1).to_bytes(4, "big")
    assert _bytes(seeded_ulid(_seed(), position, now_ms=1)) == expected


def test_the_last_four_bytes_overflow_without_touching_the_others() -> None:
    entropy = b"\x01\x02\x03\x04\x05\x06\xff\xff\xff\xff"
    assert _bytes(seeded_ulid(_seed(entropy=entropy), 0, now_ms=1))[6:] == entropy[:6] + b"\0\0\0\0"
    assert _bytes(seeded_ulid(_seed(entropy=entropy), 1, now_ms=1))[6:] == entropy[:6] + b"\0\0\0\x01"


def test_a_seed_of_time_zero_takes_the_present_time() -> None:
    assert _bytes(seeded_ulid(_seed(0), 0, now_ms=MS))[:6] == MS.to_bytes(6, "big")


@pytest.mark.parametrize(
    "seed",
    [
        "a plain word",
        "",
        ",",
        "1795246975852",
        "1795246975852,",
        "1795246975852,AAAA",
        "1795246975852,not base64!",
        _seed(MAX_ULID_MS + 1),
        _seed("9" * 400),
        _seed(-5),
        _seed("x"),
        _seed(entropy=bytes(11)),
        "\ud800",
        "١٢,é",
    ],
)
def test_any_other_seed_is_still_reproducible_and_different_per_position(seed: str) -> None:
    first = seeded_ulid(seed, 0, now_ms=MS)
    assert is_ulid(first)
    assert first == seeded_ulid(seed, 0, now_ms=MS)
    assert first != seeded_ulid(seed, 1, now_ms=MS)
    assert first != seeded_ulid(seed + "x", 0, now_ms=MS)


def test_the_largest_time_of_a_ulid_is_accepted_in_a_seed() -> None:
    assert _bytes(seeded_ulid(_seed(MAX_ULID_MS), 0, now_ms=1))[:6] == b"\xff" * 6


def test_a_derived_id_is_the_same_every_time_and_belongs_to_exactly_its_parts() -> None:
    assert derived_ulid(MS, "run", "step") == derived_ulid(MS, "run", "step")
    different = {
        derived_ulid(MS, "run", "step"),
        derived_ulid(MS + 1, "run", "step"),
        derived_ulid(MS, "runstep"),
        derived_ulid(MS, "run", "step", ""),
        derived_ulid(MS, "ru", "nstep"),
        derived_ulid(MS, "step", "run"),
    }
    assert len(different) == 6
    # Written into data files: a change of the formula would change ids of what is being decided again.
    assert derived_ulid(MS, "run", "step") == "01M7YGXTVCFB42519YRNV919DN"


def test_random_ids_sort_by_time_and_do_not_repeat() -> None:
    ids = [new_ulid(MS) for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(_bytes(one)[:6] == MS.to_bytes(6, "big") for one in ids)
    assert new_ulid(MS) < new_ulid(MS + 1)


def test_apps_and_functions_keep_their_uuids_over_restarts() -> None:
    assert uuid_for("function", "app-fn") == uuid_for("function", "app-fn")
    assert uuid_for("function", "x") != uuid_for("app", "x")
    assert UUID(uuid_for("app", "x")).version == 5


@pytest.mark.parametrize("text", ["", "x", "01M7YGXTWCCFGKX8NHY6BWXH", "0" * 27, "é" * 26, "U" * 26])
def test_other_text_is_no_ulid(text: str) -> None:
    assert not is_ulid(text)
