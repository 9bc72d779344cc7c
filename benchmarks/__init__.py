"""What Stepcue costs: `python -m benchmarks`, or `make bench`.

`__main__` reads the command line, `parts/` holds one module per part, and the rest is what they share: the
app on the real SDK (`app`, `tally`), servers and apps as processes (`arena`), the same calls sent without a
server (`wire`, `direct`), what processes use (`usage`), and the report (`report`, `targets`).
`waits.py`, `fairness.py` and `docs_*.py` look closer at one thing, and run on their own.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # `support`: servers as processes
