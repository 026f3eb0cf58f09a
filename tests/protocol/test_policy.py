from __future__ import annotations

import pytest

from openheart.errors import EmojiNotAllowed, InvalidEmoji
from openheart.protocol import Policy


def test_without_lists_every_emoji_is_admitted_in_its_canonical_form() -> None:
    assert Policy().admit("❤=") == "❤️"
    assert Policy().admit("👋🏽 hello") == "👋🏽"


def test_text_is_no_emoji_whatever_the_lists_say() -> None:
    with pytest.raises(InvalidEmoji):
        Policy(allow=["🥨"]).admit("hello")


def test_an_allowed_emoji_admits_its_skin_tones() -> None:
    policy = Policy(allow=["👍", "❤", "👭"])

    assert [policy.admit(text) for text in ("👍", "👍🏿", "❤️", "👩🏽‍🤝‍👩🏻")] == [
        "👍",
        "👍🏿",
        "❤️",
        "👩🏽‍🤝‍👩🏻",
    ]


def test_an_emoji_that_is_not_on_the_list_is_refused_with_the_list() -> None:
    with pytest.raises(EmojiNotAllowed, match=r"does not accept 🥨: send one of 👍 ❤️$"):
        Policy(allow=["👍", "❤"]).admit("🥨")


def test_a_long_list_is_shortened_in_a_refusal() -> None:
    allow = [chr(0x1F600 + number) for number in range(40)]

    with pytest.raises(EmojiNotAllowed) as caught:
        Policy(allow=allow).admit("🥨")

    assert caught.value.detail.endswith(f"{allow[19]} …")


@pytest.mark.parametrize("text", ["👍", "👍🏿"])
def test_a_toned_entry_of_the_allow_list_admits_only_itself(text: str) -> None:
    policy = Policy(allow=["👍🏽"])

    assert policy.admit("👍🏽") == "👍🏽"
    with pytest.raises(EmojiNotAllowed):
        policy.admit(text)


@pytest.mark.parametrize("text", ["👎", "👎🏽", "👎🏿=", "❤", "👩🏽‍🤝‍👩🏻"])
def test_a_denied_emoji_denies_its_skin_tones(text: str) -> None:
    policy = Policy(deny=["👎", "❤️", "👭"])

    assert policy.admit("👍🏽") == "👍🏽"
    with pytest.raises(EmojiNotAllowed, match="does not accept"):
        policy.admit(text)


def test_a_toned_entry_of_the_deny_list_denies_only_itself() -> None:
    policy = Policy(deny=["👎🏽"])

    assert [policy.admit("👎"), policy.admit("👎🏿")] == ["👎", "👎🏿"]
    with pytest.raises(EmojiNotAllowed):
        policy.admit("👎🏽")


def test_what_both_lists_name_is_denied() -> None:
    with pytest.raises(EmojiNotAllowed):
        Policy(allow=["👍", "👎"], deny=["👎"]).admit("👎")


def test_folded_skin_tones_are_counted_as_the_plain_emoji() -> None:
    policy = Policy(skin_tones="fold")

    assert [policy.admit(text) for text in ("👍🏽", "👍", "☝🏿", "👩🏽‍🤝‍👩🏻")] == ["👍", "👍", "☝️", "👭"]


def test_the_lists_look_at_what_was_sent_and_not_at_what_it_folds_to() -> None:
    policy = Policy(allow=["👍🏽"], skin_tones="fold")

    assert policy.admit("👍🏽") == "👍"
    with pytest.raises(EmojiNotAllowed):
        policy.admit("👍")


@pytest.mark.parametrize("argument", ["allow", "deny"])
@pytest.mark.parametrize("entry", ["heart", "", "5", "👍👎", "👍 👎", "👍x"])
def test_an_entry_that_is_not_one_emoji_is_named(argument: str, entry: str) -> None:
    with pytest.raises(InvalidEmoji, match=f"The entry {entry!r} is"):
        Policy(**{argument: ["🥨", entry]})  # type: ignore[arg-type]


def test_an_entry_may_have_spaces_around_it() -> None:
    assert Policy(allow=[" 🥨\n"]).admit("🥨") == "🥨"


def test_the_same_text_is_admitted_again_and_refused_again() -> None:
    policy = Policy(deny=["👎"])

    for _ in range(2):
        assert policy.admit("🥨=" + "x" * 1000) == "🥨"
        assert policy.admit("🥨=") == "🥨"
        with pytest.raises(EmojiNotAllowed):
            policy.admit("👎")
