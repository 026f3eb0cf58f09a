"""Extracts the texts of openheart's own pages, and updates the catalogs of translations.

Usage: python tools/catalogs.py, in a checkout whose environment has Babel. It lists the texts that have no
translation in openheart/web/translations/*/LC_MESSAGES/openheart.po; translate them, and run it again. For a
new language, add an empty file there, and its name in openheart/web/languages.py.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from openheart.web.element import WORDS

HERE = Path(__file__).parents[1]
PAGES = HERE / "openheart" / "web" / "templates"
CATALOGS = HERE / "openheart" / "web" / "translations"
DEVELOPERS = "the openheart developers"
# A fixed date, so that a catalog changes only where a text changes.
MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


def template() -> Catalog:
    """The texts, without translations."""
    made = Catalog()
    found = extract_from_dir(PAGES, [("**.html", "jinja2")], {"**.html": {"trimmed": "true"}})
    for name, _, text, _, _ in sorted(found, key=lambda row: (row[0], row[1])):
        made.add(text, locations=[(f"openheart/web/templates/{name}", 0)])
    for text in WORDS:
        made.add(text, locations=[("openheart/web/static/openheart.js", 0)])
    return made


def paths() -> Iterator[Path]:
    """The files that hold the translations."""
    yield from sorted(CATALOGS.glob("*/LC_MESSAGES/openheart.po"))


def read(path: Path) -> Catalog:
    """The catalog in a file."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def compiled(catalog: Catalog) -> bytes:
    """The compiled catalog that gettext reads; the same for the same texts."""
    buffer = io.BytesIO()
    write_mo(buffer, catalog)
    return buffer.getvalue()


def main() -> int:
    """Returns 1 if a text has no translation, else 0."""
    texts = template()
    missing = 0
    for path in paths():
        catalog = read(path)
        catalog.update(texts, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.project, catalog.version, catalog.fuzzy = "openheart", "(its own pages)", False
        catalog.creation_date = catalog.revision_date = MOMENT
        catalog.last_translator = catalog.language_team = DEVELOPERS
        catalog.msgid_bugs_address = "https://github.com/openheart/openheart/issues"
        catalog.header_comment = "# openheart's own pages; made and checked by tools/catalogs.py."
        with path.open("wb") as file:
            write_po(file, catalog, width=100, include_lineno=False)
        path.with_suffix(".mo").write_bytes(compiled(catalog))
        for message in catalog:
            if message.id and not message.string:
                missing += 1
                print(f"{path.relative_to(HERE)}: not translated: {message.id!r}", file=sys.stderr)
    return min(missing, 1)


if __name__ == "__main__":
    sys.exit(main())
