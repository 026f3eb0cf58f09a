"""Sphinx directives that write reference tables from the code's own truth."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from openheart import errors
from openheart.settings.table import known_options

Row = tuple[str, ...]


def table(titles: Row, rows: list[Row], widths: str = "auto") -> list[str]:
    """A list-table in reStructuredText."""
    lines = [".. list-table::", "   :header-rows: 1", f"   :widths: {widths}", ""]
    for row in [titles, *rows]:
        lines += [f"   {'* -' if not column else '  -'} {cell}" for column, cell in enumerate(row)]
    return [*lines, ""]


def literal(text: str) -> str:
    return f"``{text}``" if text else ""


def settings(group: str) -> Iterator[str]:
    """The settings of one group, from the table in openheart.settings.table."""
    for option in known_options():
        if option.group == group:
            secret = "; it is never shown" if option.secret else ""
            default = option.show(option.default)
            yield from [
                f".. describe:: {option.name}",
                "",
                f"   {option.doc}",
                "",
                f"   Expected: {option.cast.description}{secret}. Default: {literal(default)}.",
                "",
            ]


def tree(root: type[Exception]) -> Iterator[type[Exception]]:
    for kind in root.__subclasses__():
        yield kind
        yield from tree(kind)


def problems() -> Iterator[str]:
    """The problem types and their statuses, from the error classes."""
    rows: dict[tuple[int, str], tuple[str, list[str]]] = {}
    for kind in [*tree(errors.VisitorError), *tree(errors.BackendError), *tree(errors.BatteryError)]:
        status = getattr(kind, "status", 503)
        _, names = rows.setdefault((status, kind.type), (kind.title, []))  # type: ignore[attr-defined]
        names.append(f":exc:`~openheart.errors.{kind.__name__}`")
    yield from table(
        ("Status", "Type", "Title", "Raised as"),
        [
            (str(status), literal(kind), title, ", ".join(names))
            for (status, kind), (title, names) in sorted(rows.items())
        ],
    )


class Generated(SphinxDirective):
    """A directive whose content is reStructuredText made by ``write``."""

    def write(self) -> list[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(self.write()))


class Settings(Generated):
    """``.. openheart-settings:: GROUP``"""

    required_arguments = 1

    def write(self) -> list[str]:
        return list(settings(self.arguments[0]))


class Problems(Generated):
    """``.. openheart-problems::``"""

    def write(self) -> list[str]:
        return list(problems())


def setup(app: Sphinx) -> dict[str, object]:
    app.add_directive("openheart-settings", Settings)
    app.add_directive("openheart-problems", Problems)
    return {"parallel_read_safe": True}
