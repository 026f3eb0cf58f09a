"""Real emoji and real page addresses, through the whole application."""

from __future__ import annotations

import json
from itertools import cycle
from urllib.parse import quote

import pytest

from openheart.testing import create_app

from ..bodies import body_forms
from ..unicode_data import emoji_test, real_pages, spellings_in_a_path
from ..wsgi_client import PREFIX, call

pytestmark = pytest.mark.slow


def test_every_emoji_is_accepted_in_every_form_of_body_and_read_back_fully_qualified() -> None:
    app = create_app()
    wrong = []
    for number, line in enumerate(emoji_test()):
        forms = list(body_forms(line.text))
        for form in forms:
            headers = {} if form.content_type is None else {"Content-Type": form.content_type}
            response = call(app, "POST", f"{PREFIX}/{number}", headers, form.body)
            if response.status != 200:
                wrong.append((line, form.name, response))
        counts = json.loads(call(app, "GET", f"{PREFIX}/{number}").body)
        if counts != {line.emoji: len(forms)}:
            wrong.append((line, "read back", counts))

    assert not wrong[:5]


def test_every_spelling_of_ten_thousand_pages_lands_on_the_page() -> None:
    app = create_app()
    pages = real_pages()
    wrong = []
    which = cycle(range(len(list(spellings_in_a_path(pages[0])))))
    for page in pages:
        spellings = list(spellings_in_a_path(page))
        for number in (next(which), next(which)):
            response = call(app, "POST", f"{PREFIX}/{spellings[number]}", {}, "🥨".encode())
            if response.status != 200:
                wrong.append((page, spellings[number], response))
    for page in pages:
        response = call(app, "GET", f"{PREFIX}/{quote(page.target)}")
        if json.loads(response.body) != {"🥨": 2}:
            wrong.append((page, "read back", response))

    assert not wrong[:5]


def test_every_spelling_of_a_page_may_be_asked_for_in_a_batch() -> None:
    app = create_app()
    for page in real_pages()[:300]:
        call(app, "POST", f"{PREFIX}/{quote(page.target)}", {}, "🥨".encode())
        spellings = list(spellings_in_a_path(page))
        query = "&".join(f"target={quote(spelling, safe='')}" for spelling in spellings)

        counts = json.loads(call(app, "GET", f"{PREFIX}/?{query}").body)

        assert counts == {spelling: {"🥨": 1} for spelling in spellings}
