from __future__ import annotations

import json
from pathlib import Path

import pytest

from openheart.errors import TransferError
from openheart.transfer import detect, import_file

from ..engines import Engine, get_engine
from .test_flask_openheart import make


@pytest.fixture
def to() -> Engine:
    backend = get_engine("memory:")
    backend.connect()
    return backend


def file(name: str, text: str) -> Path:
    path = Path(name)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("x", '{"target": "a", "counts": {"🥨": 1}}\n', "openheart"),
        ("x", '\n {"counts": {"🥨": 1}, "target": "a"}\n', "openheart"),
        ("x", '{"example.com:a:🥨": 1}', "api-oh"),
        ("x", "\ufeff{}", "api-oh"),
        ("x", '[{"key": "example.com:a:🥨", "value": "1"}]', "api-oh"),
        ("x.csv", "", "csv"),
        ("x.CSV", "a;b", "csv"),
        ("x", "target,emoji,count\na,🥨,1", "csv"),
    ],
)
def test_a_file_shows_its_format(name: str, text: str, form: str) -> None:
    assert detect(file(name, text)) == form


def test_a_file_of_sqlite_is_taken_for_one_of_flask_openheart() -> None:
    make(Path("x"), [])
    assert detect(Path("x")) == "flask-openheart"


def test_a_file_that_shows_nothing_and_one_that_is_not_there_say_what_to_do() -> None:
    with pytest.raises(TransferError, match="--format"):
        detect(file("x", "hello"))
    with pytest.raises(TransferError, match="cannot be read .No such file"):
        detect(Path("none"))


def test_openhearts_own_format_comes_in_and_comes_in_again(to: Engine) -> None:
    path = file("x", '{"target": "a", "counts": {"🥨": 2}}\n{"target": "b", "counts": {"❤️": 1}}\n')
    to.incr("b", "❤️")
    to.incr("b", "❤️")
    for _ in range(2):
        assert import_file(path, "openheart", to)[0] == 2
        assert to.counts(["a", "b"]) == [{"🥨": 2}, {"❤️": 2}]


@pytest.mark.parametrize("form", ["csv", "api-oh", "flask-openheart"])
def test_spellings_of_one_page_and_one_emoji_are_added_up_once(to: Engine, form: str) -> None:
    path = Path("x")
    if form == "csv":
        file("x", "http://Example.com/a/,❤,1\nexample.com/a,❤️,2\nexample.com/%61,🥨,4\nb,🥨,0\n")
    elif form == "api-oh":
        file("x", json.dumps({"example.com:a:❤": 1, "example.com:/a:❤️": "2", "example.com:%61:🥨": 4}))
    else:
        make(path, [("example.com/a", "❤", 1), ("example.com/a/", "❤️", 2), ("example.com/a", "🥨", 4)])
    for _ in range(2):
        targets, problems = import_file(path, form, to)
        assert (targets, problems.number) == (1, 0)
        assert dict(to.iter_targets()) == {"example.com/a": {"❤️": 3, "🥨": 4}}


URLS = "https://example.com/?p=12", "https://example.com/?p=13"


def foreign(form: str, *targets: str) -> Path:
    """A file of one pretzel for each target."""
    if form == "csv":
        return file("x", "".join(f"{target},🥨,1\n" for target in targets))
    keys = {f"example.com:{target.removeprefix('https://example.com/')}:🥨": 1 for target in targets}
    return file("x", json.dumps(keys))


@pytest.mark.parametrize("form", ["csv", "api-oh"])
def test_pages_that_only_a_query_tells_apart_are_not_added_up_without_a_word(to: Engine, form: str) -> None:
    path = foreign(form, *URLS)
    refused = (
        r"2 entries.*nothing was imported.*--drop-query.*p=12' would lose 'p'.*OPENHEART_QUERY=p .*p=13'"
    )
    with pytest.raises(TransferError, match=refused):
        import_file(path, form, to)
    assert import_file(path, form, to, skip=True)[0] == 0
    assert list(to.iter_targets()) == []


@pytest.mark.parametrize("form", ["csv", "api-oh"])
def test_named_parameters_are_kept_and_the_others_dropped_if_that_is_asked_for(to: Engine, form: str) -> None:
    import_file(foreign(form, *URLS), form, to, query=("p",))
    kept = {"example.com/?p=12": {"🥨": 1}, "example.com/?p=13": {"🥨": 1}}
    assert dict(to.iter_targets()) == kept

    path = foreign(form, *(f"{url}&utm=1" for url in URLS))
    with pytest.raises(TransferError, match="would lose 'utm'"):
        import_file(path, form, to, query=("p",))
    import_file(path, form, to, query=("p",), drop_query=True)
    assert dict(to.iter_targets()) == kept
    import_file(path, form, to, drop_query=True)
    assert dict(to.iter_targets()) == {"example.com": {"🥨": 2}, **kept}


def test_the_question_mark_of_a_slug_of_flask_openheart_is_kept(to: Engine) -> None:
    make(Path("x"), [("https://example.com/a/?q=1", "🥨", 1), ("what?", "🥨", 1)])
    import_file(Path("x"), "flask-openheart", to)
    assert [target for target, _ in to.iter_targets()] == ["example.com/a/?q=1", "what?"]


def test_a_slug_of_flask_openheart_with_a_named_parameter_loses_no_other_one(to: Engine) -> None:
    make(Path("x"), [("https://example.com/a/?q=1&p=2", "🥨", 1), ("what?", "🥨", 1)])
    with pytest.raises(TransferError, match="row 1: .* would lose 'q'"):
        import_file(Path("x"), "flask-openheart", to, query=("p",))
    import_file(Path("x"), "flask-openheart", to, query=("p",), drop_query=True)
    assert [target for target, _ in to.iter_targets()] == ["example.com/a?p=2", "what?"]


def test_a_line_with_a_query_is_stored_as_it_is_or_refused(to: Engine) -> None:
    line = '{"target": "%s", "counts": {"🥨": 1}}\n'
    import_file(file("x", line % "example.com/?p=1&q=2"), "openheart", to)
    assert [target for target, _ in to.iter_targets()] == ["example.com/?p=1&q=2"]
    with pytest.raises(TransferError, match="line 1: .* would lose 'q'"):
        import_file(file("x", line % "example.com/?p=1&q=2"), "openheart", to, query=("p",))
    with pytest.raises(TransferError, match="expected 'example.com/a\\?p=1'"):
        import_file(file("x", line % "example.com/a/?p=1"), "openheart", to, query=("p",))


def test_a_slug_of_flask_openheart_is_taken_as_it_is(to: Engine) -> None:
    make(Path("x"), [("page.100%25", "🥨", 1)])
    import_file(Path("x"), "flask-openheart", to)
    assert [target for target, _ in to.iter_targets()] == ["page.100%25"]


def test_entries_that_cannot_be_used_keep_a_foreign_file_out_unless_they_are_skipped(to: Engine) -> None:
    path = file("x.csv", "a,🥨,1\nb,5,1\nc/..,🥨,1\nd,🥨,x\ne,🥨,9007199254740993\nf,,1\ng,🥨,-1\n")
    with pytest.raises(
        TransferError, match=r"6 entries.*nothing was imported.*line 2: '5'.*line 3: .*line 4: "
    ):
        import_file(path, "csv", to)
    assert list(to.iter_targets()) == []
    targets, problems = import_file(path, "csv", to, skip=True)
    assert (targets, problems.number, len(problems.shown)) == (1, 6, 5)
    assert dict(to.iter_targets()) == {"a": {"🥨": 1}}


def test_a_line_that_cannot_be_used_ends_the_import_unless_it_is_skipped(to: Engine) -> None:
    path = file("x", '{"target": "a", "counts": {"🥨": 2}}\nx\n{"target": "b", "counts": {"🥨": 1}}\n')
    with pytest.raises(TransferError, match="x, line 2: this is not JSON.*--skip.*importing them again"):
        import_file(path, "openheart", to)
    targets, problems = import_file(path, "openheart", to, skip=True)
    assert (targets, problems.shown[0][:7]) == (2, "line 2:")


def test_sums_that_no_storage_holds_are_named(to: Engine) -> None:
    path = file("x.csv", f"a,🥨,{2**53}\na,🥨,{2**53}\n")
    with pytest.raises(TransferError, match="'a' has a count of more than"):
        import_file(path, "csv", to)
