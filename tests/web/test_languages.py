"""The translations of our own pages: complete, well-formed, compiled, and shown."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from babel.messages.catalog import Message

from openheart.base import load_standalone
from openheart.web import element as script
from openheart.web.languages import CATALOGS, nearest, translations

ROOT = Path(__file__).parents[2]
LOCALES = "en,de,es,fr,pt_br"


def load_tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("catalogs", ROOT / "tools" / "catalogs.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tool = load_tool()
PATHS = list(tool.paths())


def messages(catalog: Any) -> dict[str, Message]:
    return {str(message.id): message for message in catalog if message.id}


@pytest.fixture(params=PATHS, ids=lambda path: str(path.parts[-3]))
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_there_is_a_catalog_for_each_language_that_we_say_there_is() -> None:
    assert tuple(path.parts[-3] for path in PATHS) == CATALOGS


def test_every_text_of_our_pages_is_translated_and_nothing_else(path: Path) -> None:
    texts, catalog = messages(tool.template()), messages(tool.read(path))
    assert len(texts) > 20
    assert catalog.keys() == texts.keys()
    assert [text for text, message in catalog.items() if not message.string or message.fuzzy] == []


def test_translations_have_the_same_variables_and_the_same_tags(path: Path) -> None:
    for text, message in messages(tool.read(path)).items():
        for pattern in (r"%\(\w+\)s|%.", r"</?\w+[^>]*>", r"OPENHEART_\w+"):
            translated = re.findall(pattern, str(message.string))
            assert sorted(re.findall(pattern, text)) == sorted(translated), text


def test_no_translation_can_end_an_attribute(path: Path) -> None:
    for text, message in messages(tool.read(path)).items():
        if text.startswith("React with"):
            assert not set("\"<>&'") & set(str(message.string))


def test_the_compiled_catalog_is_that_of_the_source(path: Path) -> None:
    compiled = translations(path.parts[-3])
    for text, message in messages(tool.read(path)).items():
        assert compiled.gettext(text) == message.string, "run tools/catalogs.py"
    assert path.with_suffix(".mo").is_file()


def test_what_the_element_says_is_translated_on_the_server() -> None:
    source = (ROOT / "openheart" / "web" / "static" / "openheart.js").read_text(encoding="utf-8")
    for word in script.WORDS:
        assert f'"{word}"' in source
    assert source.count(script.DEFAULT) == 1


@pytest.mark.parametrize(
    ("locale", "expected"),
    [("de", "de"), ("de_AT", "de"), ("pt_BR", "pt_BR"), ("pt_PT", "pt_BR"), ("en_US", "en"), ("it", "en")],
)
def test_the_nearest_catalog_is_of_the_same_language(locale: str, expected: str) -> None:
    assert nearest(locale) == expected


@pytest.mark.parametrize(
    ("header", "lang", "words"),
    [
        ("de-AT", "de", "In einem Terminal"),
        ("es", "es", "Desde una terminal"),
        ("fr", "fr", "Depuis un terminal"),
        ("pt", "pt-BR", "Em um terminal"),
        ("it", "en", "From a terminal"),
    ],
)
def test_the_start_page_is_in_the_language_of_the_browser(header: str, lang: str, words: str) -> None:
    client = load_standalone(uri="memory:", locales=LOCALES).test_client()
    answer = client.get("/", headers={"Accept-Language": header})
    assert f'<html lang="{lang}">' in answer.text
    assert words in answer.text
    assert "Accept-Language" in answer.headers["Vary"]


def test_without_locales_the_start_page_is_english_for_everybody() -> None:
    client = load_standalone(uri="memory:").test_client()
    answer = client.get("/?locale=de", headers={"Accept-Language": "de"})
    assert '<html lang="en">' in answer.text
    assert "From a terminal" in answer.text
    assert "Vary" not in answer.headers
    assert "locale" not in answer.text


def test_a_language_that_was_asked_for_stays_after_a_reaction() -> None:
    client = load_standalone(uri="memory:", locales=LOCALES).test_client()
    page = client.get("/?locale=fr").text
    action = re.search(r'action="([^"]+)"', page)
    assert action is not None
    answer = client.post(
        action[1], data="🥨", headers={"Accept": "text/html", "Accept-Language": "de"}, follow_redirects=True
    )
    assert '<html lang="fr">' in answer.text
    assert "Réagir avec 🥨, 1 jusqu’ici" in answer.text


@pytest.mark.parametrize("asked", ['"><script>', "%FF", "%00", "de%0d%0aX: y"])
def test_what_is_asked_for_cannot_break_the_page(asked: str) -> None:
    client = load_standalone(uri="memory:", locales=LOCALES).test_client()
    page = client.get(f"/?locale={asked}").text
    assert '<html lang="en">' in page
    assert "<script" not in page


def test_the_page_of_a_form_is_translated_and_escapes_the_target() -> None:
    client = load_standalone(uri="memory:", locales=LOCALES).test_client()
    answer = client.post(
        "/openheart/%3Cb%3Ex%25(y)s", data="🥨", headers={"Accept": "text/html", "Accept-Language": "de"}
    )
    assert "Deine Reaktion auf <b>&lt;b&gt;x%(y)s</b> ist gezählt." in answer.text
    front = client.post("/openheart/", data="🥨", headers={"Accept": "text/html", "Accept-Language": "es"})
    assert "Tu reacción está contada." in front.text


def test_the_script_has_the_words_of_the_apps_languages_alone() -> None:
    client = load_standalone(uri="memory:", locales="de,it").test_client()
    text = client.get("/openheart/-/openheart.js").text
    assert '{"de": {"React with": "Reagieren mit"' in text
    assert "Réagir" not in text
    english = load_standalone(uri="memory:", locales="en,it").test_client()
    assert "WORDS" not in english.get("/openheart/-/openheart.js").text


def test_a_query_that_is_not_utf8_is_a_problem_on_the_start_page_too() -> None:
    client = load_standalone(uri="memory:", locales=LOCALES).test_client()

    answer = client.get("/", environ_overrides={"QUERY_STRING": "\xff"})

    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert "not valid UTF-8" in answer.text
