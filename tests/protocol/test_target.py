from __future__ import annotations

from unicodedata import is_normalized
from urllib.parse import quote, unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from openheart.errors import InvalidTarget
from openheart.protocol import canonical_target, kept_query, target_from_bytes, target_from_url
from openheart.protocol.target import MAX_TARGET_BYTES

from ..unicode_data import real_pages, spellings_in_a_path, spellings_of_a_url
from .refusals import assert_readable

PIECES = [
    *(
        "http:",
        "HTTPS:",
        "https:/",
        "http://",
        "/",
        "//",
        "///",
        ".",
        "..",
        "-",
        "A",
        "b",
        "é",
        "e\u0301",
        "\u0338",
    ),
    *(
        ":",
        ":80",
        ":443",
        ":0443",
        ":8080",
        "@",
        "[::1]",
        "İ",
        "I\u0307",
        "ΑΣ",
        "ß",
        "\u212b",
        "%41",
        "%",
        "?",
        "#",
    ),
    *(" ", "\n", "\x00", "\x85", "\u2028", "\ud800", "한", "\u1112\u1161\u11ab", "愛", "🥨"),
]
texts = st.lists(st.sampled_from(PIECES), max_size=12).map("".join) | st.text()


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("", "/"),
        ("/", "/"),
        ("///", "/"),
        ("//", "/"),
        ("https://", "/"),
        ("posts/hello", "posts/hello"),
        ("/posts//hello/", "posts/hello"),
        ("Posts/Hello", "Posts/Hello"),
        (".well-known/x", ".well-known/x"),
        ("a/.../b", "a/.../b"),
        ("a-/-", "a-/-"),
        ("100%41", "100%41"),
        ("why?", "why?"),
        ("cafe\u0301", "café"),
        ("https://Example.COM", "example.com"),
        ("HTTPS://Example.COM/A/", "example.com/A"),
        ("/https://Example.COM/A", "example.com/A"),
        ("//Example.COM/A", "example.com/A"),
        ("Example.COM/A", "Example.COM/A"),
        ("https://example.com:443/a", "example.com/a"),
        ("https://example.com:/a", "example.com/a"),
        ("https://example.com:0443/a", "example.com/a"),
        ("https://example.com:80/a", "example.com:80/a"),
        ("http://example.com:80/a", "example.com/a"),
        ("http://example.com:443/a", "example.com:443/a"),
        ("//example.com:80/a", "example.com/a"),
        ("//example.com:443/a", "example.com/a"),
        ("//example.com:8443/a", "example.com:8443/a"),
        ("https://[2001:DB8::1]:443/a", "[2001:db8::1]/a"),
        ("https://[2001:DB8::1]/a", "[2001:db8::1]/a"),
        ("https://BÜCHER.example/a", "xn--bcher-kva.example/a"),
        ("https://BU\u0308CHER.example/a", "xn--bcher-kva.example/a"),
        ("//Bücher.example:443/é", "xn--bcher-kva.example/é"),
        ("http://straße.example:8080", "xn--strae-oqa.example:8080"),
        ("https://☃.example/", "xn--n3h.example"),
        ("https://日本。example/", "xn--wgv71a.example"),
        ("https://XN--BCHER-KVA.example", "xn--bcher-kva.example"),
        ("http:////http://x", "http:/x"),
        ("ftp://Example.com/a", "ftp:/Example.com/a"),
        ("http\u017f://Example.com/a", "http\u017f:/Example.com/a"),
        ("a" * MAX_TARGET_BYTES, "a" * MAX_TARGET_BYTES),
        ("https://a/" + "//" * 3000 + "b", "a/b"),
    ],
)
def test_a_page_has_one_spelling(text: str, target: str) -> None:
    assert canonical_target(text) == target


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (".", "segment"),
        ("a/../b", "segment"),
        ("a/.", "segment"),
        ("https://../a", "segment"),
        ("-", "first segment '-'"),
        ("/-/openapi.json", "first segment '-'"),
        ("https://-/a", "first segment '-'"),
        ("a\x00", r"U\+0000"),
        ("a\nb", r"U\+000A"),
        ("a\x7f", r"U\+007F"),
        ("a\x85", r"U\+0085"),
        ("a\u2028", r"U\+2028"),
        ("a\u2029", r"U\+2029"),
        ("a\ud83e", r"U\+D83E"),
        ("https://user@example.com/", "user"),
        ("//user:word@example.com/", "user"),
        ("https://a／b/c", "There is no host 'a／b'"),
        ("https://a＠b/c", "There is no host"),
        ("https://a\u2066é/c", "There is no host 'a.{1,2}u2066é'"),
        ("a" * 513, "512 bytes"),
        ("é" * 257, "512 bytes"),
        ("https://" + "é" * 1_000_000, "512 bytes"),
        ("e\u0301\u0323" * 1_000_000, "512 bytes"),
    ],
)
def test_what_no_page_has_is_refused_with_the_reason(text: str, problem: str) -> None:
    with pytest.raises(InvalidTarget, match=problem):
        canonical_target(text)


@given(texts)
@example("http:////http://x")
@example("//İ/x")
@example("//:80/x")
@example("https://a::/x")
@example("/\u0338")
def test_a_target_is_sound_and_stays_itself_or_is_refused(text: str) -> None:
    try:
        target = canonical_target(text)
    except InvalidTarget as error:
        assert_readable(error)
        return
    segments = target.split("/")
    assert canonical_target(target) == target
    assert target == "/" or "" not in segments
    assert not {".", ".."} & {*segments}
    assert segments[0] != "-"
    assert is_normalized("NFC", target)
    assert len(target.encode()) <= MAX_TARGET_BYTES
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in target)


@given(texts)
def test_a_target_is_the_same_from_a_path_from_a_url_and_from_python(text: str) -> None:
    try:
        target = canonical_target(text)
    except InvalidTarget:
        return
    assert target_from_bytes(target.encode()) == target
    assert target_from_url(quote(target)) == target
    assert target_from_url(quote(target, safe="")) == target


@given(texts, st.sampled_from(["", "/", "//"]), st.sampled_from(["", "?page=2", "#top", "?a#b?c"]))
def test_a_trailing_slash_a_query_and_a_fragment_make_no_other_page(
    text: str, slashes: str, rest: str
) -> None:
    url = "https://example.com/" + quote(text, errors="surrogatepass")
    try:
        target = target_from_url(url)
    except InvalidTarget:
        return
    assert target_from_url(url + slashes + rest) == target


@given(st.binary())
def test_any_bytes_of_a_path_are_a_target_or_refused(raw: bytes) -> None:
    try:
        target = target_from_bytes(raw)
    except InvalidTarget as error:
        assert_readable(error)
    else:
        assert canonical_target(target) == target


@given(st.text() | st.text(alphabet="%0123456789abcdefABCDEF/?#é\ud800"))
def test_any_text_of_a_url_is_a_target_or_refused(text: str) -> None:
    try:
        target = target_from_url(text)
    except InvalidTarget as error:
        assert_readable(error)
    else:
        assert canonical_target(target) == target


def test_a_url_is_decoded_once() -> None:
    assert target_from_url("100%25") == "100%"
    assert target_from_url("100%2525") == "100%25"
    assert target_from_bytes(b"100%25") == "100%25"


def test_a_url_ends_at_its_query_and_not_at_an_encoded_question_mark() -> None:
    assert target_from_url("https://Example.com/a%3Fb?c#d") == "example.com/a?b"
    assert target_from_url("https://Example.com?c") == "example.com"
    assert target_from_url("#top") == "/"


@pytest.mark.parametrize("text", ["%FF", "caf%E9", "%ED%A0%80", "%F0%9F%A5"])
def test_a_url_that_is_not_utf8_is_refused(text: str) -> None:
    with pytest.raises(InvalidTarget, match="UTF-8"):
        target_from_url(text)


def test_every_spelling_of_a_real_page_is_one_target_and_no_two_pages_share_one() -> None:
    pages = real_pages()

    wrong = [
        (page, spelling)
        for page in pages
        for spelling in spellings_of_a_url(page)
        if target_from_url(spelling) != page.target
    ]

    assert not wrong[:5]
    assert len({target_from_url(next(spellings_of_a_url(page))) for page in pages}) == len(pages)


def test_a_real_page_is_the_same_target_from_a_requests_path() -> None:
    wrong = [
        (page, spelling)
        for page in real_pages()
        for spelling in spellings_in_a_path(page)
        if target_from_bytes(unquote_to_bytes(spelling)) != page.target
    ]

    assert not wrong[:5]


QUERY = ("p", "ids[]", "ü")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com/?p=12", "example.com/?p=12"),
        ("https://Example.com:443?p=12#top", "example.com/?p=12"),
        ("example.com/?utm_source=x&p=12&utm_medium=y", "example.com/?p=12"),
        ("example.com/post/?p=12", "example.com/post?p=12"),
        ("example.com/post?p=12", "example.com/post?p=12"),
        ("/?p=12", "?p=12"),
        ("hello?p=12", "hello/?p=12"),
        ("a?p=2&ids%5B%5D=2&p=1&ids[]=1", "a/?ids[]=2&ids[]=1&p=2&p=1"),
        ("a?p=caf%C3%A9+au%20lait", "a/?p=café au lait"),
        ("a?p=e%CC%81", "a/?p=é"),
        ("a?p=x%26q%3D1%25%2B%23%2F%3F", "a/?p=x%26q=1%25%2B%23%2F%3F"),
        ("a?p=x/../y?z", "a/?p=x%2F..%2Fy%3Fz"),
        ("a?p", "a/?p="),
        ("a?p=", "a/?p="),
        ("a?&&p=1&", "a/?p=1"),
        ("a?P=1&pp=2&=3", "a"),
        ("a?", "a"),
        ("a%3Fp=12&x=1", "a?p=12&x=1"),
        ("a%3Fb/?p=1", "a?b/?p=1"),
    ],
)
def test_named_parameters_of_a_url_are_kept_in_one_spelling_and_others_are_not(url: str, target: str) -> None:
    assert target_from_url(url, QUERY) == target
    assert canonical_target(target) == target


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("example.com/?p=12", "example.com/?p=12"),
        ("example.com?p=12", "example.com/?p=12"),
        ("example.com/post/?utm=1&p=12", "example.com/post?p=12"),
        ("example.com/?utm=1", "example.com/?utm=1"),
        ("what?", "what?"),
        ("what?/now", "what?/now"),
        ("what?/?p=1", "what?/?p=1"),
    ],
)
def test_a_question_mark_of_a_decoded_target_begins_a_query_where_a_parameter_of_it_is_named(
    text: str, target: str
) -> None:
    assert canonical_target(text, QUERY) == target
    assert target_from_bytes(text.encode(), QUERY) == target


values = st.text(alphabet="=&%+#?/\u0338é a.") | st.text()
parameters = st.lists(st.tuples(st.sampled_from(["p", "q", "ids[]"]), values), max_size=3)


@given(st.text(alphabet="ab/.-é"), parameters)
def test_a_kept_query_comes_back_from_the_path_of_a_request(
    address: str, parameters: list[tuple[str, str]]
) -> None:
    raw = "&".join(f"{quote(name)}={quote(value, errors='replace')}" for name, value in parameters)
    try:
        target = target_from_url(f"{quote(address)}?{raw}", QUERY)
    except InvalidTarget as error:
        assert_readable(error)
    else:
        assert target_from_bytes(unquote_to_bytes(quote(target)), QUERY) == target
        assert target_from_url(target, QUERY, strict=True) == target
        assert canonical_target(target) == target


@given(texts | st.text(alphabet="ab/?&=%+#p1é.-\u0338"))
@example("a?p=\u0338&p=1")
def test_reading_a_target_with_named_parameters_again_changes_nothing_more(text: str) -> None:
    try:
        target = canonical_target(text, QUERY)
    except InvalidTarget as error:
        assert_readable(error)
    else:
        assert canonical_target(target, QUERY) == target


def test_two_queries_are_not_taken_for_one() -> None:
    assert kept_query("p=a%26ids%5B%5D=b", QUERY) != kept_query("p=a&ids%5B%5D=b", QUERY)


@pytest.mark.parametrize("value", ["%FF", "\udc80", "%ED%A0%80"])
def test_a_kept_parameter_that_is_not_utf8_is_refused(value: str) -> None:
    with pytest.raises(InvalidTarget, match="'p' is not UTF-8"):
        target_from_url(f"a?p={value}", QUERY)
    assert target_from_url(f"a?q={value}", QUERY) == "a"


@pytest.mark.parametrize("value", ["%00", "%0A", "x" * 512])
def test_a_kept_parameter_is_part_of_a_target_and_may_be_refused_as_one(value: str) -> None:
    with pytest.raises(InvalidTarget):
        target_from_url(f"a?p={value}", QUERY)


@pytest.mark.parametrize("url", ["a", "a?", "a?&#x?q", "a?p=1", "a?p=1&ids[]=2", "a%3Fq=1"])
def test_a_strict_reading_takes_what_loses_nothing(url: str) -> None:
    assert target_from_url(url, QUERY, strict=True) == target_from_url(url, QUERY)


def test_a_strict_reading_names_what_would_be_lost_and_what_to_do() -> None:
    with pytest.raises(InvalidTarget) as caught:
        target_from_url("https://example.com/?q=1&p=2&utm_source=x&q=3", ("p",), strict=True)
    assert caught.value.detail == (
        "The target 'https://example.com/?q=1&p=2&utm_source=x&q=3' would lose 'q', 'utm_source' of its "
        "query: "
        "leave it out, or set OPENHEART_QUERY=p,q,utm_source if it tells pages apart; a '?' in a path is %3F"
    )
    with pytest.raises(InvalidTarget, match="would lose 'q'"):
        canonical_target("example.com/?p=1&q=2", ("p",), strict=True)
