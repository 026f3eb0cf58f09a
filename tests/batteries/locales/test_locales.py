from __future__ import annotations

import importlib.util
from datetime import date
from typing import Any

import pytest
from flask import Flask, render_template_string, session

import openheart
from openheart import OpenHeart
from openheart.errors import ConfigError, MissingDependency, OpenHeartError

from ...child import run_child

EN_PT = ("en_us", "pt_br")


def load(locales: Any = EN_PT, **options: Any) -> Flask:
    app = openheart.load(name="one", uri="memory:", locales=locales, **options)
    app.add_url_rule("/locale", view_func=openheart.locales.get_locale)
    return app


def chosen(app: Flask, header: str | None = None, query: str = "") -> str:
    headers = {} if header is None else {"Accept-Language": header}
    return app.test_client().get(f"/locale{query}", headers=headers).text


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, "en_US"),
        ("", "en_US"),
        ("pt-BR", "pt_BR"),
        ("pt-br", "pt_BR"),
        ("pt", "pt_BR"),
        ("pt-PT", "pt_BR"),
        ("en-GB", "en_US"),
        ("de, pt;q=0.5", "pt_BR"),
        ("en;q=0.3, pt;q=0.5", "pt_BR"),
        ("pt;q=0, en", "en_US"),
        ("pt;q=0", "en_US"),
        ("de", "en_US"),
        ("*", "en_US"),
        ("xx-YY", "en_US"),
        ("../../etc/passwd", "en_US"),
        ("pt-XX", "pt_BR"),
        ("-" * 5000, "en_US"),
    ],
)
def test_the_browsers_languages_choose_among_those_of_the_app(header: str | None, expected: str) -> None:
    assert chosen(load(), header) == expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [("zh-TW", "zh_TW"), ("zh-HK", "zh_TW"), ("zh", "zh_CN"), ("zh-SG", "zh_CN"), ("zh-Hant", "zh_TW")],
)
def test_a_language_in_another_script_is_another_one(header: str, expected: str) -> None:
    assert chosen(load(("en", "zh_tw", "zh_cn")), header) == expected


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("?locale=pt_br", "pt_BR"),
        ("?locale=pt-BR", "pt_BR"),
        ("?locale=PT_BR", "pt_BR"),
        ("?locale=pt", "pt_BR"),
        ("?locale=de", "en_US"),
        ("?locale=", "en_US"),
        ("?locale=pt_br,en_us", "en_US"),
        ("?locale=%00", "en_US"),
        ("?locale=%FF", "en_US"),
    ],
)
def test_the_query_goes_before_the_browser_and_takes_only_locales_of_the_app(
    query: str, expected: str
) -> None:
    assert chosen(load(), "en", query) == expected


def test_a_query_that_is_not_utf_8_asks_for_nothing() -> None:
    client = load().test_client()
    answer = client.get(
        "/locale", headers={"Accept-Language": "pt"}, environ_overrides={"QUERY_STRING": "locale=\xff"}
    )
    assert answer.text == "pt_BR"


def test_a_locale_in_the_session_goes_before_the_browser_and_after_the_query() -> None:
    app = load(secret_key="a secret of these tests")

    @app.get("/set/<locale>")
    def remember(locale: str) -> str:
        session["locale"] = locale
        return ""

    client = app.test_client()
    client.get("/set/pt_br")
    assert client.get("/locale", headers={"Accept-Language": "en"}).text == "pt_BR"
    assert client.get("/locale?locale=en").text == "en_US"
    client.get("/set/xx")
    assert client.get("/locale", headers={"Accept-Language": "pt"}).text == "pt_BR"


def test_outside_a_request_it_is_the_default() -> None:
    app = load(("pt_br", "en_us"))
    assert openheart.locales.get_locale() == "pt_BR"
    with app.app_context():
        assert openheart.locales.get_locale() == "pt_BR"


def test_the_variable_goes_before_the_argument(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHEART_LOCALES", "de fr")
    assert chosen(load(), "fr-CA") == "fr"


def test_dates_and_numbers_are_written_as_the_locale_does() -> None:
    app = load(("en_us", "de", "pt_br"))

    @app.get("/page")
    def page() -> str:
        text = "{{ day | dateformat }} {{ number | numberformat }}"
        return render_template_string(text, day=date(2026, 11, 21), number=1234.5)

    client = app.test_client()
    assert client.get("/page?locale=de").text == "21.11.2026 1.234,5"
    assert client.get("/page?locale=en_us").text == "Nov 21, 2026 1,234.5"
    assert client.get("/page?locale=pt_br").text == "21 de nov. de 2026 1.234,5"


def test_one_locale_that_is_not_quorums_default_is_enough() -> None:
    assert chosen(load(("de",)), "en") == "de"


def test_off_it_is_english_and_nothing_is_imported() -> None:
    code = (
        "import sys, openheart; app = openheart.load(name='one', uri='memory:', locales=('en_us',)); "
        "print(openheart.locales.get_locale(), "
        "app.test_client().get('/openheart/-/openheart.js').status_code); "
        "print([name for name in sys.modules if name.startswith(('babel', 'flask_babel', 'pytz'))])"
    )
    assert run_child(code) == "en_US 200\n[]\n"


def test_a_flask_babel_of_the_apps_own_is_not_disturbed_and_is_asked() -> None:
    from flask_babel import Babel

    app = Flask("theirs")
    Babel(app, default_locale="fr", locale_selector=lambda: "de_AT")
    theirs = app.extensions["babel"]
    openheart.load(app, uri="memory:", locales=EN_PT)
    app.add_url_rule("/locale", view_func=openheart.locales.get_locale)
    assert app.extensions["babel"] is theirs
    assert chosen(app, "pt") == "de_AT"
    answer = app.test_client().post("/openheart/x", data="🥨", headers={"Accept": "text/html"})
    assert '<html lang="de">' in answer.text


def test_a_choice_of_the_app_that_fails_is_an_error_before_the_reaction_counts() -> None:
    from flask_babel import Babel

    app = Flask("theirs")
    Babel(app, locale_selector=lambda: str(1 // 0))
    openheart.load(app, uri="memory:", locales=EN_PT)
    client = app.test_client()
    answer = client.post("/openheart/x", data="🥨", headers={"Accept": "text/html"})
    assert answer.status_code == 500
    assert client.get("/openheart/x").json == {}


def test_while_the_sessions_are_away_a_reaction_counts_and_its_page_is_in_the_default_language() -> None:
    unreachable = {"redis_session": True, "redistogo_url": "valkey://127.0.0.1:1"}
    client = load(("pt_br", "en_us"), **unreachable).test_client()
    client.set_cookie("session", "of before")
    answer = client.post("/openheart/x", data="🥨", headers={"Accept": "text/html"})
    assert answer.status_code == 200
    assert '<html lang="pt-BR">' in answer.text
    assert client.get("/openheart/x").json == {"🥨": 1}


def test_a_flask_babel_that_the_app_sets_up_later_wins() -> None:
    from flask_babel import Babel

    app = load()
    Babel(app, default_locale="fr")
    assert chosen(app, "pt") == "fr"


def test_two_apps_have_locales_of_their_own() -> None:
    one = load(("de",))
    two = openheart.load(name="two", uri="memory:", locales=("fr",))
    assert openheart.locales.get_locale(one) == "de"
    assert openheart.locales.get_locale(two) == "fr"
    with two.app_context():
        assert openheart.locales.get_locale(one) == "de"
    one.extensions["openheart"].close()


@pytest.mark.parametrize("name", ["xx", "xx_yy", "de_xx"])
def test_a_locale_that_nobody_knows_is_an_error_of_load(name: str) -> None:
    with pytest.raises(ConfigError, match="OPENHEART_LOCALES=.*locales that Babel knows, such as en_us"):
        load(("en_us", name))


def test_a_missing_library_is_an_error_of_load_that_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingDependency, match=r"OPENHEART_LOCALES=.*pip install 'openheart\[locales\]'"):
        load()


def test_in_an_app_without_load_it_is_english() -> None:
    app = Flask("plain")
    OpenHeart(app, env=False, uri="memory:")
    assert openheart.locales.get_locale(app) == "en_US"
    with pytest.raises(OpenHeartError):
        openheart.locales.get_locale()
