"""Real input: the sequences of Unicode's emoji-test, and addresses of real pages in many languages."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple
from unicodedata import normalize
from urllib.parse import quote

from .requirements import debian_file, missing

__all__ = ["Page", "Sequence", "emoji_test", "real_pages", "spellings_in_a_path", "spellings_of_a_url"]

PAGES = 10_000


class Sequence(NamedTuple):
    """A line of emoji-test: what it spells, and the fully-qualified emoji that it belongs to."""

    text: str
    emoji: str


class Page(NamedTuple):
    """An article of Wikipedia."""

    host: str
    path: str

    @property
    def target(self) -> str:
        """What a person would call this page."""
        return f"{self.host}{self.path}"


@functools.cache
def emoji_test() -> tuple[Sequence, ...]:
    """Every sequence of the file but the components; the others follow the emoji that they belong to."""
    path = debian_file("OPENHEART_TEST_EMOJI_TEST", "/usr/share/unicode/emoji/emoji-test.txt", "unicode-data")
    found = []
    emoji = ""
    for line in path.read_text(encoding="utf-8").splitlines():
        codes, _, status = line.partition("#")[0].partition(";")
        if not status or status.strip() == "component":
            continue
        text = "".join(chr(int(code, 16)) for code in codes.split())
        if status.strip() == "fully-qualified":
            emoji = text
        found.append(Sequence(text, emoji))
    assert len(found) > 4000, f"{path} is not the whole of emoji-test"
    return tuple(found)


@functools.cache
def real_pages() -> tuple[Page, ...]:
    """The articles on countries, languages and currencies, titled as CLDR names them in each language."""
    titles = [sorted(set(_titles(language))) for language in _languages()]
    in_turn = itertools.chain.from_iterable(itertools.zip_longest(*titles))
    pages = tuple(itertools.islice((page for page in in_turn if page is not None), PAGES))
    assert len(pages) == PAGES
    assert len({page.host for page in pages}) > 100
    return pages


def spellings_of_a_url(page: Page) -> Iterator[str]:
    """Ways to write the address of a page."""
    host, path = page
    escaped = quote(path)
    decomposed = quote(normalize("NFD", path))
    yield f"https://{host}{escaped}"
    yield f"https://{host}{decomposed}"
    yield f"https://{host}{escaped.lower() if path.islower() else _lower_hex(path)}"
    yield f"https://{host}{_every_byte(path)}"
    yield f"https://{host}{path.replace('%', '%25').replace('?', '%3F').replace('#', '%23')}"
    yield f"HTTPS://{host.upper()}{escaped}"
    yield f"http://{host.title()}:80{escaped}/"
    yield f"https://{host}:443/{escaped}//"
    yield f"//{host.upper()}{decomposed}"
    yield f"//{host}:443{escaped}?action=history#References"
    yield f"{host}{escaped}#References"
    yield f"/{host}{decomposed.replace('/', '//')}?uselang=de"


def spellings_in_a_path(page: Page) -> Iterator[str]:
    """The same without a query and a fragment, which end a request's path."""
    for spelling in spellings_of_a_url(page):
        yield quote(spelling.partition("#")[0].partition("?")[0], safe="/:%")


def _lower_hex(path: str) -> str:
    return "".join(char if quote(char) == char else quote(char).lower() for char in path)


def _every_byte(path: str) -> str:
    return "".join("/" if byte == ord("/") else f"%{byte:02X}" for byte in path.encode())


def _languages() -> list[str]:
    try:
        from babel import localedata
    except ImportError:
        missing("Babel", "pip install babel")
    return sorted(name for name in localedata.locale_identifiers() if name.isalpha())


def _titles(language: str) -> Iterator[Page]:
    from babel import Locale

    locale = Locale.parse(language)
    for names in (locale.territories, locale.languages, locale.currencies):
        for name in names.values():
            # Some are made of numbers and examples of code; an article's title has a letter.
            title = normalize("NFC", name.strip().replace(" ", "_"))
            if any(char.isalpha() for char in title):
                yield Page(f"{language}.wikipedia.org", f"/wiki/{title}")
