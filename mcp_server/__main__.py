"""`stepcue`, and `python -m mcp_server`: the command line, ready for Ctrl-C before it is loaded."""

from __future__ import annotations

import signal


def main() -> None:
    """Load the command line and hand over to it."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # not in the background of a shell, which ignores Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a traceback of imports would tell nobody anything
    from mcp_server.cli import main as command  # noqa: PLC0415 - takes half a second

    signal.signal(signal.SIGINT, handler)
    command(prog_name="stepcue")


if __name__ == "__main__":
    main()
