from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openheart.errors import InvalidEmoji
from openheart.protocol import canonical_emoji, emoji_version, split_emoji
from openheart.protocol import emoji as module
from openheart.protocol.emoji import fold_skin_tones

from ..unicode_data import emoji_test
from .refusals import assert_readable

TONES = "🏻🏼🏽🏾🏿"
ALL = sorted(module._table().forms.values())


def run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return result.stdout.strip()


def test_every_sequence_of_unicode_is_its_fully_qualified_form() -> None:
    wrong = [line for line in emoji_test() if canonical_emoji(line.text) != line.emoji]

    assert not wrong


def test_what_follows_a_sequence_changes_nothing() -> None:
    wrong = [
        (line, tail)
        for line in emoji_test()
        for tail in ("=", "\n", "x", " 🥨")
        if canonical_emoji(line.text + tail) != line.emoji
    ]

    assert not wrong


def test_a_sequence_is_the_same_emoji_with_and_without_each_of_its_variation_selectors() -> None:
    wrong = [emoji for emoji in ALL if canonical_emoji(emoji.replace("\ufe0f", "")) != emoji]

    assert not wrong


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("", "The reaction is empty"),
        ("5", "RGI"),
        ("#", "RGI"),
        ("5\ufe0f", "RGI"),
        ("hello", "RGI"),
        (" 🥨", "RGI"),
        ("\n", "RGI"),
        ("\x00🥨", "RGI"),
        ("\ud83e", "RGI"),
        ("🥨\u200d🍩", "RGI"),
        ("👋🏽🏽", "RGI"),
        ("🥨🏽", "RGI"),
        ("\ufe0f🥨", "RGI"),
        ("\u200d🥨", "RGI"),
        ("🇩", "a flag is two regional indicators"),
        ("🇽🇽", "a flag is two regional indicators"),
        ("🇩\ufe0f🇪", "a flag is two regional indicators"),
        ("🏽", "needs an emoji before it"),
        ("🦰", "needs an emoji before it"),
        ("❤\ufe0e", "leave it out"),
        ("❤\ufe0e\ufe0f", "leave it out"),
    ],
)
def test_what_is_no_emoji_is_refused_with_what_would_be_right(text: str, advice: str) -> None:
    with pytest.raises(InvalidEmoji, match=advice):
        canonical_emoji(text)


@pytest.mark.parametrize("text", ["\x1b[31m", "\u202eabc", "e" + "\u0301" * 3000, "\ud83e\udd68"])
def test_a_refusal_shows_what_was_found_without_control_characters_and_not_all_of_it(text: str) -> None:
    with pytest.raises(InvalidEmoji) as caught:
        canonical_emoji(text)

    assert f"U+{ord(text[0]):04X}" in caught.value.detail
    assert len(caught.value.detail) < 300
    assert caught.value.detail.isprintable()
    assert caught.value.detail.encode()


@given(st.text() | st.text(alphabet="👋🏽🏿👩🤝❤5#🇩🇪🏴\u200d\ufe0f\ufe0e\u20e3\U000e0067\U000e007f"))
def test_any_text_is_one_emoji_that_stays_itself_or_refused(text: str) -> None:
    try:
        emoji = canonical_emoji(text)
    except InvalidEmoji as error:
        assert_readable(error)
    else:
        assert emoji in ALL
        assert canonical_emoji(emoji) == emoji
        assert text.replace("\ufe0f", "").startswith(emoji.replace("\ufe0f", ""))


@given(st.sampled_from(ALL), st.integers(1, 5), st.text(alphabet="=\n aé愛🥨", max_size=5))
def test_extra_variation_selectors_and_a_tail_change_nothing(emoji: str, extra: int, tail: str) -> None:
    assert canonical_emoji(emoji + "\ufe0f" * extra + tail) == emoji


def test_every_toned_emoji_folds_to_one_without_tones() -> None:
    toned = [emoji for emoji in ALL if any(tone in emoji for tone in TONES)]

    folded = {emoji: fold_skin_tones(emoji) for emoji in toned}

    assert len(toned) > 1500
    assert not {emoji: plain for emoji, plain in folded.items() if plain not in ALL}
    assert not {emoji: plain for emoji, plain in folded.items() if any(tone in plain for tone in TONES)}


@pytest.mark.parametrize(
    ("emoji", "plain"),
    [
        ("👋🏽", "👋"),
        ("☝🏽", "☝️"),
        ("👩🏽‍🚒", "👩‍🚒"),
        ("🤝🏽", "🤝"),
        ("🫱🏻‍🫲🏿", "🤝"),
        ("👩🏽‍🤝‍👩🏻", "👭"),
        ("👩🏽‍🤝‍👨🏻", "👫"),
        ("👨🏽‍🤝‍👨🏻", "👬"),
        ("🧑🏽‍🤝‍🧑🏻", "🧑‍🤝‍🧑"),
        ("🧑🏻‍❤️‍🧑🏿", "💑"),
        ("🧑🏻‍❤️‍💋‍🧑🏿", "💏"),
        ("👩🏻‍❤️‍👨🏿", "👩‍❤️‍👨"),
        ("❤️", "❤️"),
        ("👩‍❤️‍👨", "👩‍❤️‍👨"),
    ],
)
def test_folding_keeps_who_is_shown(emoji: str, plain: str) -> None:
    assert fold_skin_tones(emoji) == plain


def test_the_version_is_that_of_unicode_emoji() -> None:
    major, minor = emoji_version().split(".")

    assert (int(major), int(minor)) >= (15, 0)


def test_the_library_itself_says_the_same_as_its_file(monkeypatch: pytest.MonkeyPatch) -> None:
    from_file = module._table.__wrapped__()

    def not_there() -> None:
        raise FileNotFoundError("emoji.json")

    monkeypatch.setattr(module, "_rows_of_file", not_there)

    assert module._table.__wrapped__() == from_file


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("❤️", ("❤️", "")),
        ("❤=", ("❤️", "=")),
        ("👩🏽‍🤝‍👩🏻 me=\n❤️", ("👩🏽‍🤝‍👩🏻", " me=\n❤️")),
    ],
)
def test_a_text_is_split_after_its_emoji(text: str, parts: tuple[str, str]) -> None:
    assert split_emoji(text) == parts
    with pytest.raises(InvalidEmoji):
        split_emoji(f" {text}")


def test_importing_loads_nothing_heavy() -> None:
    loaded = run("import sys, openheart.protocol; print({'emoji', 'regex'} & {*sys.modules})")

    assert loaded == "set()"


def test_a_usual_reaction_needs_neither_library() -> None:
    loaded = run(
        "import sys; from openheart.protocol import canonical_emoji;"
        "canonical_emoji('\\u2764\\ufe0f'); canonical_emoji('\\U0001f968');"
        "print({'emoji', 'regex'} & {*sys.modules})"
    )

    assert loaded == "set()"


def test_the_table_is_small() -> None:
    kept = run(
        "import tracemalloc; tracemalloc.start();"
        "from openheart.protocol.emoji import _table;"
        "before = tracemalloc.get_traced_memory()[0]; _table();"
        "print(tracemalloc.get_traced_memory()[0] - before)"
    )

    assert int(kept) < 1_500_000
