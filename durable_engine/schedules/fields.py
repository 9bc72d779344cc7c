"""The five fields of a cron schedule: checked one by one, and put into the one form that cronsim reads."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from durable_engine.errors import InvalidCronError

_TERM: Final = re.compile(
    r"(?:(?P<any>[*?])|(?P<low>[0-9A-Z]+)(?:-(?P<high>[0-9A-Z]+))?)(?:/(?P<step>[0-9]+))?"
)
_SHORTHANDS: Final[Mapping[str, str]] = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_FIVE: Final = "write five: minute, hour, day of month, month and day of week, as in '0 9 * * MON-FRI'"
_LONGEST: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """What one field may hold; `names` stand for numbers from `low` on, `top` is where open steps end."""

    name: str
    low: int
    high: int
    names: tuple[str, ...] = field(default=())
    may_be_question_mark: bool = False
    is_week: bool = False

    @property
    def allowed(self) -> str:
        names = f" or {self.names[0]}-{self.names[-1]}" if self.names else ""
        return f"{self.low}-{self.high}{names}"

    @property
    def top(self) -> int:
        # 7 is a second name for Sunday, not the day after Saturday.
        return 6 if self.is_week else self.high


_FIELDS: Final = (
    _Field(name="minute", low=0, high=59),
    _Field(name="hour", low=0, high=23),
    _Field(name="day of month", low=1, high=31, may_be_question_mark=True),
    _Field(
        name="month",
        low=1,
        high=12,
        names=("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"),
    ),
    _Field(
        name="day of week",
        low=0,
        high=7,
        names=("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"),
        may_be_question_mark=True,
        is_week=True,
    ),
)


def read_fields(words: Sequence[str]) -> list[str]:
    """Return the fields with numbers for names and `*` for `?`; `words` is the schedule without its zone.

    Raises:
        InvalidCronError: names the field, what is wrong with it, and what is allowed.
    """
    if words and words[0].startswith("@"):
        raise InvalidCronError(_about_shorthand(words))
    if words and "=" in words[0]:
        raise InvalidCronError(
            f"{_shown(words[0])} is neither a field nor a time zone; write the zone as TZ=Europe/Paris"
        )
    if len(words) == 6:
        raise InvalidCronError(f"it has 6 fields, and seconds cannot be scheduled; {_FIVE}")
    if len(words) != len(_FIELDS):
        count = f"{len(words)} field{'' if len(words) == 1 else 's'}" if words else "no fields"
        raise InvalidCronError(f"it has {count}; {_FIVE}")
    return [
        ",".join(_read_term(term, kind, word) for term in word.upper().split(","))
        for word, kind in zip(words, _FIELDS, strict=True)
    ]


def _about_shorthand(words: Sequence[str]) -> str:
    shown = _shown(" ".join(words))
    if fields := _SHORTHANDS.get(words[0].lower()):
        return f"{shown} is a shorthand that is not supported; write '{fields}'"
    if words[0].lower() == "@every":
        return f"{shown} is not supported; write a step, such as '*/5 * * * *' for every five minutes"
    return f"{shown} is not supported; {_FIVE}"


def _read_term(term: str, kind: _Field, word: str) -> str:
    """Return one part of a list, such as `*/5`, `MON-FRI` or `3`, in numbers."""
    found = _TERM.fullmatch(term)
    if found is None:
        raise InvalidCronError(
            f"{kind.name} {_shown(word)} cannot be read; write *, a number in {kind.allowed}, a range "
            f"({kind.low}-5), a step (*/2) or a list (1,3)"
        )
    step = found["step"]
    if step is not None and int(step) == 0:
        raise InvalidCronError(f"{kind.name} {_shown(word)} has a step of 0; a step is 1 or more")
    suffix = f"/{int(step)}" if step else ""
    if found["any"]:
        if found["any"] == "?" and not kind.may_be_question_mark:
            raise InvalidCronError(
                f"{kind.name} {_shown(word)} may not be '?', which only the two day fields may be; write *"
            )
        return f"*{suffix}"
    low = _read_value(found["low"], kind)
    high = _read_value(found["high"], kind) if found["high"] else max(low, kind.top) if step else low
    if high < low:
        sunday = ", where Sunday is also 7" if kind.is_week else ""
        raise InvalidCronError(
            f"{kind.name} {_shown(word)} runs backwards; begin a range with its smaller end{sunday}, "
            "or write a list of two ranges"
        )
    # cronsim takes `5-5/10` for `5/10`.
    return f"{low}-{high}{suffix}" if high > low else str(low)


def _read_value(text: str, kind: _Field) -> int:
    if text in kind.names:
        return kind.low + kind.names.index(text)
    if not text.isdigit() or not kind.low <= int(text) <= kind.high:
        raise InvalidCronError(f"{kind.name} {_shown(text)} is not in {kind.allowed}")
    return int(text)


def _shown(text: str) -> str:
    return repr(text if len(text) <= _LONGEST else text[:_LONGEST] + "...")
