"""What all stories share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.query_plans import scanning, statements_of_engines


@pytest.fixture(scope="module", autouse=True)
def no_story_makes_the_engine_read_a_whole_table() -> Iterator[None]:
    """Look at the plan of every statement that an engine executes in these stories."""
    with statements_of_engines() as seen:
        yield
    assert scanning(seen) == {}
