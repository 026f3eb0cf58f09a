"""How the documentation is built: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from openheart.version import __version__  # noqa: E402  the path comes first

project = "openheart"
author = "the openheart developers"
copyright = f"2026, {author}"
release = version = __version__
language = "en-GB"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "myst_parser",
    "sphinx_click",
    "sphinx_copybutton",
    "reference",
]
exclude_patterns = ["_build"]
default_role = "code"
smartquotes = False  # a quotation mark in a reference belongs to what is typed

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False

# Other projects' names are named and not linked: their pages are not fetched while ours are built.
nitpick_ignore_regex = [
    (
        r"py:.*",
        r"(flask|werkzeug|blinker|click|collections|concurrent|datetime|jinja2|logging|pathlib|types|typing|uuid|abc)\..*",
    ),
    (
        r"py:.*",
        r"openheart\.(settings\.(\w+\.T_co|config\._Layer)|batteries\.\w+\.T|extension\.\w+\.F|core\.service\.Service|system\.finding\.Finding)",
    ),
    (r"py:.*", r"(Flask|Any|Callable|Iterable|Iterator|Mapping|Sequence|Path|TracebackType|NamedSignal)"),
    (r"py:.*", r"Client|Database|(pika|os|openheart\.batteries)\..*|Handler|Data|S3Client|Bucket"),
]

html_theme = "furo"
html_title = "openheart"
html_static_path = ["_static"]
html_css_files = ["openheart.css"]
html_copy_source = False
html_show_sourcelink = False

# A copy button copies what is typed: not the prompt, and not the output below it.
copybutton_prompt_text = "$ "
copybutton_only_copy_prompt_lines = True
copybutton_remove_prompts = True
copybutton_line_continuation_character = "\\"

ATTRIBUTES = {"attribute", "data", "property"}


def setup(app: Sphinx) -> None:
    """Keep Napoleon from reading the text before a colon in an attribute's docstring as its type."""
    kept: dict[str, list[str]] = {}

    def keep(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
        if what in ATTRIBUTES:
            kept[name] = lines[:]

    def restore(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
        if what in ATTRIBUTES:
            lines[:] = kept.pop(name)

    app.connect("autodoc-process-docstring", keep, priority=1)
    app.connect("autodoc-process-docstring", restore, priority=999)
