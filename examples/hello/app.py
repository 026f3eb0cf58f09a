"""A page that people can react to, in one file.

Shows: openheart.load() and openheart.run(), a form that works without JavaScript, and counts in a template.
Requires: pip install ../..
Run: python app.py, then open http://127.0.0.1:5000/
"""

from __future__ import annotations

from flask import render_template_string

import openheart

PAGE = """<!doctype html>
<html lang="en">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Hello</title>
<style>body, button { font: 1.2rem/2 system-ui, sans-serif }</style>
<h1>Hello</h1>
<form action="{{ openheart_url('hello', _back=True) }}" method="post" enctype="text/plain">
  {% for emoji in ("❤️", "🥨", "🎉") %}
  <button name="{{ emoji }}">{{ emoji }} {{ counts.get(emoji, 0) }}</button>
  {% endfor %}
</form>
"""

app = openheart.load(name=__name__)


@app.route("/")
def page() -> str:
    return render_template_string(PAGE, counts=openheart.reactions("hello"))


if __name__ == "__main__":
    openheart.run()
