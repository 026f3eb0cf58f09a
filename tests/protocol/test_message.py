from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openheart.errors import InvalidBody, UnsupportedBody, VisitorError
from openheart.protocol import canonical_emoji, read_message

from ..bodies import BOUNDARY, MULTIPART, body_forms, multipart
from ..unicode_data import emoji_test
from .refusals import assert_readable

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def test_every_sequence_of_unicode_is_read_in_every_form_of_body() -> None:
    wrong = [
        (line, form.name)
        for line in emoji_test()
        for form in body_forms(line.text)
        if canonical_emoji(read_message(form.body, form.content_type)) != line.emoji
    ]

    assert not wrong[:5]


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("🥨", None, "🥨"),
        ("🥨", "", "🥨"),
        ("🥨=\r\n", "text/plain", "🥨=\r\n"),
        ("🥨", "TEXT/Plain; Charset=UTF8", "🥨"),
        ("🥨", "text/html", "🥨"),
        ("emoji=🥨\r\n", "text/plain", "🥨\r\n"),
        ("%F0%9F%A5%A8=", None, "🥨="),
        ("🥨%FF", None, "🥨%FF"),
        ("100%", None, "100%"),
        ("5%EF%B8%8F%E2%83%A3", None, "5\ufe0f\u20e3"),
        ("5%", None, "5%"),
        ("🥨&a=b", FORM, "🥨"),
        ("a=b&emoji=%F0%9F%A5%A8&emoji=x", FORM, "🥨"),
        ("a=b&emoji=", FORM, ""),
        ("&&🥨=", FORM, "🥨"),
        ("emoji=🥨+and+more", FORM, "🥨 and more"),
        ("", FORM, ""),
        ('{"emoji": "🥨", "n": 1}', "application/activity+json; charset=utf-8", "🥨"),
        ('\ufeff{"emoji": ""}', JSON, ""),
        ("", None, ""),
    ],
)
def test_the_text_that_holds_the_emoji_is_found(body: str, content_type: str | None, text: str) -> None:
    assert read_message(body.encode(), content_type) == text


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ([("emoji", "🥨")], "🥨"),
        ([("page", "1"), ("emoji", "🥨"), ("emoji", "🍩")], "🥨"),
        ([("🥨", ""), ("page", "1")], "🥨"),
        ([("emoji", "")], ""),
        ([], ""),
    ],
)
def test_the_emoji_of_a_multipart_form_is_found(fields: list[tuple[str, str]], text: str) -> None:
    assert read_message(multipart(*fields), MULTIPART) == text


def test_a_file_named_emoji_is_read_as_the_field() -> None:
    body = multipart(("emoji", "🥨")).replace(b'name="emoji"', b'name="emoji"; filename="e.txt"')

    assert read_message(body, MULTIPART) == "🥨"


@pytest.mark.parametrize(
    ("body", "content_type", "advice"),
    [
        (b"\xff", None, "send the emoji in UTF-8"),
        (b"%FF", None, "send the emoji in UTF-8"),
        (b"emoji=%FF", FORM, "send the emoji in UTF-8"),
        (b"%FF=", FORM, "send the emoji in UTF-8"),
        ("🥨".encode("utf-16"), "text/plain; charset=utf-16", "send UTF-8"),
        (b"x", "text/plain; charset=iso-8859-1", "send UTF-8"),
        (b"\xff", JSON, "send the emoji in UTF-8"),
        ('{"emoji": "🥨"}'.encode("utf-16"), JSON, "UTF-8"),
        (b"", JSON, 'send {"emoji": "🥨"}'),
        (b"[]", JSON, 'send {"emoji": "🥨"}'),
        (b'{"emoji": null}', JSON, 'send {"emoji": "🥨"}'),
        (b"[" * 100_000, JSON, 'send {"emoji": "🥨"}'),
        (b'{"emoji": ' + b"9" * 5000 + b"}", JSON, 'send {"emoji": "🥨"}'),
        (b"x", "multipart/form-data", "boundary"),
        (b"x", f"multipart/form-data; boundary={'b' * 71}", "boundary"),
        (b"x", MULTIPART, "one field, named emoji"),
        (multipart(("emoji", "🥨"))[:-4], MULTIPART, "one field, named emoji"),
        (multipart(("emoji", "x")).replace(b"x", b"\xff"), MULTIPART, "send the emoji in UTF-8"),
        (multipart(*[("a", "")] * 101), MULTIPART, "more than 100 fields"),
        (f"--{BOUNDARY}\r\n\r\nx\r\n--{BOUNDARY}--".encode(), MULTIPART, "one field, named emoji"),
    ],
)
def test_a_body_that_is_not_what_it_says_is_refused_with_what_would_be_right(
    body: bytes, content_type: str | None, advice: str
) -> None:
    with pytest.raises(InvalidBody, match=advice):
        read_message(body, content_type)


@pytest.mark.parametrize(
    "content_type", ["image/png", "application/xml", "multipart/mixed; boundary=x", "emoji", "*/*"]
)
def test_a_type_that_holds_no_emoji_is_refused(content_type: str) -> None:
    with pytest.raises(UnsupportedBody, match=r"send text/plain, a form, or application/json"):
        read_message("🥨".encode(), content_type)


content_types = st.sampled_from(
    [None, FORM, JSON, MULTIPART, "text/plain", "text/plain; charset=x", "application/x+json", "image/png"]
)
pieces = st.sampled_from(
    [
        *(
            b"--",
            b"\r\n",
            b"\r",
            b"\n",
            BOUNDARY.encode(),
            b"Content-Disposition: form-data; name=",
            b'"emoji"',
            b";",
        ),
        *(
            b"filename*=x''%FF",
            b"Content-Type: text/plain",
            b":",
            b" ",
            "🥨".encode(),
            b"=",
            b"&",
            b"%",
            b"\xff",
            b"{",
        ),
    ]
)


@given(st.binary() | st.lists(pieces, max_size=30).map(b"".join), content_types | st.text())
@example(b"--b\r\nContent-Disposition: form-data; name=emoji\r\n\r\n--b", "multipart/form-data; boundary=b")
def test_no_body_and_no_type_does_more_than_be_refused(body: bytes, content_type: str | None) -> None:
    try:
        text = read_message(body, content_type)
    except VisitorError as error:
        assert_readable(error)
    else:
        assert isinstance(text, str)


@given(
    st.dictionaries(st.text(min_size=1).filter(lambda key: key != "emoji"), st.text(), max_size=4), st.text()
)
def test_a_form_may_hold_any_text(others: dict[str, str], emoji: str) -> None:
    body = urlencode([*others.items(), ("emoji", emoji)], errors="surrogatepass")
    if "%ED%A" in body or "%ED%B" in body:
        with pytest.raises(InvalidBody):
            read_message(body.encode(), FORM)
    else:
        assert read_message(body.encode(), FORM) == emoji


@given(st.text(min_size=1).filter(lambda text: text != "emoji"))
def test_the_first_key_of_a_form_is_the_text_when_there_is_no_field(key: str) -> None:
    assert read_message(f"{quote(key)}=&next=1".encode(), FORM) == key
