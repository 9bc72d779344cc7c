"""The page a person sees who opens the MCP address in a browser."""

from __future__ import annotations

import json
from html import escape
from string import Template

_PAGE = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Connect to Stepcue</title>
<style>
body { font: 16px/1.5 system-ui, sans-serif; max-width: 46rem; margin: 3rem auto; padding: 0 1rem; }
pre { background: #f4f4f5; padding: .75rem 1rem; overflow-x: auto; border-radius: 6px; }
@media (prefers-color-scheme: dark) {
  body { background: #18181b; color: #e4e4e7; }
  pre { background: #27272a; }
}
</style>
</head>
<body>
<h1>This is an MCP server</h1>
<p>Stepcue lets AI assistants trigger, watch and debug Inngest workflows. Connect an assistant to
<code>$url</code>; a browser cannot talk to it.</p>
<h2>Claude Code</h2>
<pre>claude mcp add --transport http stepcue $url</pre>
<h2>Cursor (.cursor/mcp.json)</h2>
<pre>$cursor</pre>
<h2>VS Code (.vscode/mcp.json)</h2>
<pre>$vscode</pre>
<h2>Any client that starts a command (stdio)</h2>
<pre>stepcue mcp</pre>
<h2>Tools</h2>
<p>$tools</p>
</body>
</html>
""")


def setup_page(url: str, tools: list[str]) -> str:
    """Return the HTML of the page: how to connect to `url`, and which tools are there."""
    cursor = {"mcpServers": {"stepcue": {"url": url}}}
    vscode = {"servers": {"stepcue": {"type": "http", "url": url}}}
    return _PAGE.substitute(
        url=escape(url),
        cursor=escape(json.dumps(cursor, indent=2)),
        vscode=escape(json.dumps(vscode, indent=2)),
        tools=escape(", ".join(tools)),
    )
