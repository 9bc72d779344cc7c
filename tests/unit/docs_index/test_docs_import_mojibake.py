"""Text whose UTF-8 was misread is repaired; text that is as it should be is never touched."""

# ruff: noqa: RUF001 - the characters that look like others are what this is about

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from docs_index.importing.decoding import decode
from docs_index.importing.mojibake import repair

# Words as people write them, with the characters around them that people type.
WORDS = st.sampled_from(
    """naïve école ÉCOLE À là où señor NÃO IRMÃ não irmã Ångström ÅÄÖ cœur Œuvre größer STRAẞE façade Łódź
    ČESKÝ İstanbul русский Ελλάδα 日本語 한국어 中文 🎉 ✅ ⚠️ → ← └── × ÷ ½ °C µs √2 ¬a ±1 ∞ €5 £3 ¥9 §4
    ©2024 word step.run""".split()  # noqa: SIM905 - a word list is read more easily as words
)
BETWEEN = st.sampled_from(
    [" ", " — ", "—", "… ", "” ", " “", "’s ", ", ", "» «", "\n", "™ ", " ¿", " ¡", " • "]
)
TEXTS = st.lists(st.tuples(WORDS, BETWEEN), min_size=1, max_size=12).map(
    lambda pairs: "".join(word + between for word, between in pairs)
)


def as_windows(text: str) -> str:
    """Misread UTF-8 as Windows-1252, as browsers do: its undefined bytes as in Latin-1."""
    return "".join(
        bytes([byte]).decode("cp1252") if byte not in {0x81, 0x8D, 0x8F, 0x90, 0x9D} else chr(byte)
        for byte in text.encode()
    )


def as_mac(text: str) -> str:
    return text.encode().decode("mac_roman")


@given(TEXTS)
def test_correct_text_is_never_changed(text: str) -> None:
    assert repair(text) == text


@pytest.mark.parametrize("misread", [as_windows, as_mac])
@given(text=TEXTS)
def test_what_was_misread_reads_as_it_was_written(misread: Callable[[str], str], text: str) -> None:
    written = f"{text} it’s"

    assert repair(misread(written)) == written


@pytest.mark.parametrize(
    "text",
    [
        "CAFÉ” — “École” «à» voilà… JÄ…",
        "IRMÃ” and NÃ…",
        "√π and ¬π in a formula, √Ω too",
        "â is a letter, so is ã",
        "",
        "plain ASCII",
    ],
)
def test_letters_beside_quotation_marks_and_formulas_stay(text: str) -> None:
    assert repair(text) == text


def test_runs_that_are_surely_misread_are_repaired_among_correct_ones() -> None:
    assert repair("“right” and donâ€™t, ‚Äú and fÃ¼r – é") == "“right” and don’t, “ and für – é"


def test_a_doubtful_run_is_repaired_only_where_everything_else_is_misread() -> None:
    assert repair("Ã–sterreich fÃ¼r alle") == "Österreich für alle"
    assert repair("Ã–sterreich fÃ¼r alle é") == "Ã–sterreich für alle é"


@pytest.mark.parametrize(
    ("raw", "declared", "text"),
    [
        ("é’".encode(), "latin-1", "é’"),
        ("é".encode("latin-1"), "", "é"),
        ("é’".encode("cp1252"), "no-such-charset", "é’"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        (b"\xef\xbb\xbfhi", "", "hi"),
        ("hi’".encode("utf-16"), "utf-8", "hi’"),
        (b"\x81\xff", "utf-8", "\N{REPLACEMENT CHARACTER}ÿ"),
    ],
)
def test_bytes_are_utf8_if_they_can_be_and_never_an_error(raw: bytes, declared: str, text: str) -> None:
    assert decode(raw, declared) == text
