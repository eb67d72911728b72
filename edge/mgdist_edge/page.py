"""The page of the service: what it is, and a field to try it."""

import json
from html import escape

from mgdist_edge.bundle import Bundle
from mgdist_edge.openapi import document, example

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
textarea, pre { box-sizing: border-box; width: 100%; font: 0.9rem/1.4 ui-monospace, monospace; padding: 0.6rem; }
pre { overflow-x: auto; white-space: pre-wrap; border: 1px solid #8886; border-radius: 4px; min-height: 1.4em; }
button { font: inherit; padding: 0.4rem 1.2rem; margin: 0.5rem 0; }
td, th { text-align: left; vertical-align: top; padding: 0.2rem 1rem 0.2rem 0; }
"""
SCRIPT = """
const example = document.getElementById("example"), answer = document.getElementById("answer");
document.getElementById("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  answer.textContent = "...";
  try {
    const headers = {"Content-Type": "application/json"};
    const response = await fetch("predict", {method: "POST", headers, body: example.value});
    answer.textContent = JSON.stringify(await response.json(), null, 1);
  } catch (error) {
    answer.textContent = String(error);
  }
});
"""


def page(bundle: Bundle) -> str:
    """Return it in HTML."""
    told = document(bundle)
    paths = "".join(
        f"<tr><td><code>{verb.upper()} {path}</code></td><td>{escape(about['summary'])}</td></tr>"
        for path, verbs in told["paths"].items()
        for verb, about in verbs.items()
    )
    asked = escape(json.dumps(example(bundle), ensure_ascii=False, indent=1))
    title = escape(str(told["info"]["title"]))
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="page.css">
</head>
<body>
<h1>{title}</h1>
<p>{escape(str(told["info"]["description"]))} Described in <a href="openapi.json">OpenAPI</a>.</p>
<table><tr><th>Request</th><th>Answer</th></tr>{paths}</table>
<h2>Try it</h2>
<form id="ask">
<label for="example">An example, in JSON</label>
<textarea id="example" rows="8" spellcheck="false">{asked}</textarea>
<button>Predict</button>
</form>
<pre id="answer" role="status" aria-label="Answer"></pre>
<script src="page.js"></script>
</body>
</html>
"""
