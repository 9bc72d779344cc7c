"""A small documentation for the docs tools."""

from pathlib import Path

PAGES = {
    "steps/run.md": """\
---
title: step.run
description: Run and retry code as a step.
---
# step.run

Runs code as a retriable step.

## Retries

A failing step is retried four times with backoff.

```typescript
await step.run("charge", () => charge());
```
""",
    "steps/wait.md": """\
---
title: Wait for an event
description: Pause a run until an event arrives.
---
# Wait for an event

`step.waitForEvent` pauses a run until a matching event arrives or the timeout passes.

## Timeout

When the timeout passes the step returns null.
""",
    "guides/cancellation.md": """\
---
title: Cancellation
description: Stop runs with an event.
---
# Cancellation

Cancel a sleeping run by sending the event named in cancelOn.
""",
}


def write_pages(root: Path) -> None:
    for name, text in PAGES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    lines = "\n\n".join(f"Paragraph {number} about nothing in particular." for number in range(1, 900))
    (root / "guides" / "long.md").write_text(f"# A long page\n\n{lines}\n", encoding="utf-8")
