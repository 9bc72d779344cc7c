"""What frames the page: its document, its looks, its few lines of script, and what a browser may do in it."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from string import Template
from typing import Final

_STYLE: Final = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --raised: #f6f7f9; --line: #d9dde3; --ink: #1b1f24; --quiet: #57606a;
  --accent: #0b57a4; --on-accent: #ffffff; --acts: #8a4b00; --reads: #1a6b3c;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #14171b; --raised: #1d2127; --line: #363c45; --ink: #e7eaee; --quiet: #a3acb8;
    --accent: #7cb7ff; --on-accent: #10151b; --acts: #f0b35c; --reads: #7fd6a2;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
header, main, footer { max-width: 70rem; margin: 0 auto; padding: 0 1.25rem; }
header { padding-top: 2.5rem; }
footer { padding-top: 1rem; padding-bottom: 3rem; color: var(--quiet); font-size: .9rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 0; }
p { margin: .5rem 0; max-width: 46rem; }
a { color: var(--accent); }
code, pre { font: .875rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre { margin: 0; padding: .75rem .9rem; overflow-x: auto; background: var(--ground);
  white-space: pre-wrap; border: 1px solid var(--line); border-radius: 6px; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.grid { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fill, minmax(min(26rem, 100%), 1fr));
  align-items: start; margin-top: 1rem; }
.card { min-width: 0; padding: 1rem 1.1rem 1.1rem; background: var(--raised); border: 1px solid var(--line);
  border-radius: 10px; }
.columns { columns: 26rem 2; column-gap: 1rem; margin-top: 1rem; }
.columns .card { break-inside: avoid; margin-bottom: 1rem; }
.head { display: flex; flex-wrap: wrap; gap: .5rem 1rem; align-items: center;
  justify-content: space-between; min-height: 2.25rem; margin-bottom: .5rem; }
.button { display: inline-block; padding: .3rem .8rem; border-radius: 6px; font-weight: 600; font-size: .9rem;
  background: var(--accent); color: var(--on-accent); text-decoration: none; }
.button:hover { text-decoration: underline; }
.label { display: flex; gap: 1rem; justify-content: space-between; align-items: end; min-height: 1.9rem;
  margin: .4rem 0 .25rem; color: var(--quiet); font-size: .9rem; }
.copy { flex: none; padding: .1rem .6rem; border: 1px solid var(--line); border-radius: 6px; cursor: pointer;
  background: var(--ground); color: var(--ink); font: inherit; font-size: .85rem; }
.copy:hover { border-color: var(--accent); }
details { margin-top: .6rem; }
summary { cursor: pointer; color: var(--quiet); font-size: .9rem; padding: .15rem 0; }
.note { color: var(--quiet); font-size: .9rem; margin-bottom: 0; }
table { width: 100%; margin-top: .4rem; border-collapse: collapse; font-size: .95rem; }
th, td { padding: .25rem .5rem .25rem 0; text-align: left; vertical-align: top; font-weight: normal; }
th { width: 45%; }
tr + tr > * { border-top: 1px solid var(--line); }
td:last-child { width: 4rem; padding-right: 0; text-align: right; white-space: nowrap; font-size: .85rem; }
.acts { color: var(--acts); }
.reads { color: var(--reads); }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
@media (max-width: 30rem) {
  header { padding-top: 1.5rem; }
  header, main, footer { padding-left: .9rem; padding-right: .9rem; }
  .card { padding: .8rem; }
}
"""

_SCRIPT: Final = """
if (navigator.clipboard) {
  const said = document.getElementById("said");
  for (const text of document.querySelectorAll("pre")) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", "Copy: " + text.getAttribute("aria-label"));
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(text.textContent);
      for (const other of document.querySelectorAll(".copy")) other.textContent = "Copy";
      button.textContent = "Copied";
      said.textContent = "Copied: " + text.getAttribute("aria-label");
    });
    text.previousElementSibling.append(button);
  }
}
"""

_ICON: Final = "data:,"

_DOCUMENT: Final = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="$icon">
<title>$title</title>
<style>$style</style>
</head>
<body>
$body
<p id="said" class="unseen" role="status"></p>
<script>$script</script>
</body>
</html>
""")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


PAGE_POLICY: Final = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)}; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page: its own style and script, known by their hashes, and nothing else."""


def framed(title: str, body: str) -> str:
    """Return the document around `body`, which is HTML; `title` has nothing to escape."""
    return _DOCUMENT.substitute(title=title, style=_STYLE, script=_SCRIPT, icon=_ICON, body=body)
