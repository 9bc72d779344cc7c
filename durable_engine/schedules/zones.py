"""Time zones by their names in the IANA database, which tzdata holds where the system does not."""

from __future__ import annotations

import difflib
from typing import Final
from zoneinfo import ZoneInfo, available_timezones

from durable_engine.errors import InvalidCronError

_NEAREST: Final = 3
_LONGEST: Final = 60
_NO_ZONES: Final = ("posix/", "right/", "posixrules", "localtime")
"""Files beside the zones: other countings of the same ones, and the zone of this machine."""


def find_zone(name: str) -> ZoneInfo:
    """Return the time zone with this name, such as `Europe/Paris` or `UTC`.

    Raises:
        InvalidCronError: there is none; the message has the names that are near.
    """
    try:
        if not name.startswith(_NO_ZONES):
            return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # unknown; not a name of a zone; a folder
        pass
    near = ", ".join(_nearest(name[:_LONGEST]))
    advice = f"near names: {near}" if near else "write a name such as Europe/Paris or America/New_York"
    raise InvalidCronError(f"time zone {name[:_LONGEST]!r} is not known; {advice}")


def _nearest(name: str) -> list[str]:
    """Return names that have the same city, or differ by a letter or two, the nearest first."""
    wanted = name.casefold().replace(" ", "_")
    zones = sorted(known for known in available_timezones() if not known.startswith(_NO_ZONES))
    by_folded = {known.casefold(): known for known in zones}
    city = wanted.rpartition("/")[2]
    same_city = [known for folded, known in by_folded.items() if folded.rpartition("/")[2] == city]
    alike = [by_folded[folded] for folded in difflib.get_close_matches(wanted, by_folded, n=_NEAREST)]
    return list(dict.fromkeys([*same_city, *alike]))[:_NEAREST]
