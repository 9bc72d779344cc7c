"""`python -m mcp_server` is `stepcue`."""

from mcp_server.cli import main

if __name__ == "__main__":
    main(prog_name="stepcue")
