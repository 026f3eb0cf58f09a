from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from openheart import OpenHeart
from openheart.storage import Change, Listed, SqliteBackend
from openheart.transfer import copy

from ..engines import get_engine
from ..transfer.test_flask_openheart import make
from .ended import Run


@pytest.fixture
def filled(run: Run) -> None:
    """A storage with two pages."""
    with get_engine("sqlite:///openheart.db") as backend:
        backend.apply([Change("a", "🥨", 2), Change("b", "❤️")])


A, B = '{"target": "a", "counts": {"🥨": 2}}\n', '{"target": "b", "counts": {"❤️": 1}}\n'


@pytest.mark.usefixtures("filled")
class TestExport:
    def test_the_lines_go_to_the_standard_output_alone(self, run: Run) -> None:
        assert run("export") == (0, A + B, "")
        assert run("export", "--prefix", "b") == (0, B, "")

    def test_a_prefix_that_is_no_text_is_refused(self, run: Run) -> None:
        ended = run("export", "--prefix", os.fsdecode(b"h\xff"))
        assert (ended.code, ended.out) == (2, "")
        assert r"'--prefix': 'h\udcff' contains bytes that are not UTF-8: type it in UTF-8" in ended.err

    def test_a_file_is_written_and_the_number_of_targets_is_said(self, run: Run) -> None:
        assert run("export", "out.jsonl") == (0, "", "2 targets exported to out.jsonl\n")
        assert Path("out.jsonl").read_text(encoding="utf-8") == A + B

    def test_it_acts_on_the_app_of_flask_too(self, run: Run) -> None:
        app = Flask("host", instance_path=str(Path.cwd()))
        OpenHeart(app, env=False, uri="sqlite:///openheart.db")
        assert run("export", app=app) == (0, A + B, "")

    def test_an_interrupted_export_goes_on_and_says_so(self, run: Run) -> None:
        with get_engine("sqlite:///openheart.db") as backend:
            backend.apply([Change(f"page/{number:04}", "🥨") for number in range(1500)])
            page = backend.list(limit=1000)
            Path("out.jsonl.part").write_bytes(b"x" * 10)
            note = {"location": backend.location, "instance": None, "prefix": "", "cursor": page.cursor}
            Path("out.jsonl.resume").write_text(json.dumps({**note, "size": 10, "targets": 1000}))
        assert run("export", "out.jsonl").err == (
            "1502 targets exported to out.jsonl, 1000 of them before the interruption\n"
        )
        assert run("export", "out.jsonl", "--again").err == "1502 targets exported to out.jsonl\n"

    def test_on_a_terminal_a_bar_shows_how_far_it_is(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        ended = run("export")
        assert ended.out == A + B
        assert "Exporting" in ended.err
        assert "100%  2 of 2 targets" in ended.err
        assert "100%  1 of 1 targets" in run("export", "out.jsonl", "--prefix", "b").err

    def test_without_the_number_of_targets_the_bar_shows_what_is_done(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setattr(SqliteBackend, "number_of_targets", Listed.number_of_targets)
        ended = run("export")
        assert "  2 targets" in ended.err
        assert "%" not in ended.err

    def test_a_reader_that_has_enough_is_no_error(self) -> None:
        with get_engine("sqlite:///openheart.db") as backend:
            backend.apply([Change(f"page/{number}", "🥨") for number in range(5000)])
        command = [sys.executable, "-m", "openheart", "export"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
            assert child.stdout is not None
            assert child.stderr is not None
            assert child.stdout.read(10)
            child.stdout.close()
            assert child.stderr.read() == b""
        assert child.returncode == 0


class TestImport:
    def test_a_file_comes_in_and_comes_in_again(self, run: Run) -> None:
        Path("in.jsonl").write_text(A + B, encoding="utf-8")
        for _ in range(2):
            assert run("import", "in.jsonl") == (
                0,
                "",
                "2 targets imported from in.jsonl (openheart)\n",
            )
            assert run("export").out == A + B

    def test_the_format_can_be_named(self, run: Run) -> None:
        Path("in.txt").write_text("a,🥨,2\n", encoding="utf-8")
        assert run("import", "in.txt", "--format", "csv").err == "1 target imported from in.txt (csv)\n"
        assert run("export").out == A

    def test_what_is_skipped_is_said(self, run: Run) -> None:
        Path("in.csv").write_text("a,🥨,2\nb,x,1\n", encoding="utf-8")
        ended = run("import", "in.csv")
        assert (ended.code, ended.out) == (2, "")
        assert ended.err.startswith("openheart: in.csv: 1 entry cannot be used, so nothing was imported")
        ended = run("import", "in.csv", "--skip")
        assert ended.code == 0
        assert "openheart: 1 entry was skipped: line 2: 'x'" in ended.err

    def test_on_a_terminal_bars_show_how_much_of_the_file_is_read_and_stored(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        size = Path("in.jsonl").write_bytes(f"{A}{B}".encode())
        assert f"100%  {size} of {size} bytes" in run("import", "in.jsonl").err

        for suffix in ("csv", "db"):
            path = Path(f"in.{suffix}")
            rows: list[tuple[object, object, object]] = [("a", "🥨", 2), ("/a", "🥨", 2), ("b", "❤️", 1)]
            if suffix == "csv":
                size = path.write_bytes("".join(f"{a},{b},{c}\n" for a, b, c in rows).encode())
            else:
                make(path, rows)
            ended = run("import", path.name)
            read = f"{size} of {size} bytes" if suffix == "csv" else "3 of 3 rows"
            assert f"100%  {read}" in ended.err
            assert "100%  2 of 2 targets" in ended.err

    def test_the_queries_of_addresses_are_dropped_where_that_is_asked_for(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OPENHEART_QUERY", "p")
        Path("in.csv").write_text("https://example.com/?p=1&utm=2,🥨,2\n", encoding="utf-8")
        ended = run("import", "in.csv")
        assert (ended.code, ended.out) == (2, "")
        assert "1 entry cannot be used, so nothing was imported" in ended.err
        assert "'https://example.com/?p=1&utm=2' would lose 'utm' of its query" in ended.err
        assert run("import", "in.csv", "--drop-query").code == 0
        assert run("count", "example.com/?p=1").out == "🥨 2\n"

    def test_a_file_that_is_not_there_is_an_error_of_the_command_line(self, run: Run) -> None:
        ended = run("import", "none")
        assert ended.code == 2
        assert "none" in ended.err


@pytest.mark.usefixtures("filled")
class TestMigrate:
    def test_all_counts_are_copied_compared_and_the_hold_is_spoken_of(self, run: Run) -> None:
        for _ in range(2):
            ended = run("migrate", "sqlite:///openheart.db", "sqlite:///new.db")
            assert (ended.code, ended.out) == (0, "")
            first, second = ended.err.splitlines()
            assert first == f"2 of 2 targets are in {Path.cwd() / 'new.db'} with all their counts"
            assert "OPENHEART_HOLD is off here" in second
        with get_engine("sqlite:///new.db") as new:
            assert dict(new.iter_targets()) == {"a": {"🥨": 2}, "b": {"❤️": 1}}

    def test_on_a_terminal_bars_show_how_far_copying_and_comparing_are(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        with get_engine("sqlite:///new.db") as new:
            new.incr("c", "🥨")
        ended = run("migrate", "sqlite:///openheart.db", "sqlite:///new.db")
        assert "100%  2 of 2 targets" in ended.err
        assert "100%  5 of 5 targets" in ended.err

    def test_on_hold_there_is_nothing_more_to_say(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("OPENHEART_HOLD", "1")
        assert len(run("migrate", "sqlite:///openheart.db", "sqlite:///new.db").err.splitlines()) == 1

    def test_uris_may_be_variables_and_settings_hold_for_both(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("OLD_URI", "sqlite:///openheart.db")
        monkeypatch.setenv("INSTANCE", "one")
        with get_engine("sqlite:///openheart.db", instance="one") as backend:
            backend.incr("c", "🥨")
        assert run("migrate", "$OLD_URI", "sqlite:///new.db").code == 0
        with get_engine("sqlite:///new.db", instance="one") as new:
            assert dict(new.iter_targets()) == {"c": {"🥨": 1}}

    def test_larger_counts_and_other_targets_are_left_and_said(self, run: Run) -> None:
        with get_engine("sqlite:///new.db") as new:
            new.apply([Change("a", "🥨", 5), Change("z", "🥨")])
        ended = run("migrate", "sqlite:///openheart.db", "sqlite:///new.db")
        assert ended.code == 0
        assert "has more: 1 target with larger counts, and 1 that" in ended.err
        with get_engine("sqlite:///new.db") as new:
            assert new.counts(["a"]) == [{"🥨": 5}]

    def test_reactions_that_came_meanwhile_are_found_missing(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def copy_then_react(*arguments: object) -> None:
            copy(*arguments)  # type: ignore[arg-type]
            with get_engine("sqlite:///openheart.db") as backend:
                backend.incr("a", "🥨")

        monkeypatch.setattr("openheart.cli.moving.copy", copy_then_react)
        ended = run("migrate", "sqlite:///openheart.db", "sqlite:///new.db")
        assert ended.code == 1
        assert "1 target has larger counts in" in ended.err
        assert "such as a: reactions were added meanwhile. Set OPENHEART_HOLD=1" in ended.err

    def test_an_empty_source_is_doubted(self, run: Run) -> None:
        with get_engine("sqlite:///wrong.db"):
            pass
        ended = run("migrate", "sqlite:///wrong.db", "sqlite:///new.db")
        assert ended.code == 1
        assert "wrong.db has no counts: is it the right storage?" in ended.err

    def test_the_same_storage_twice_is_an_error_of_the_command_line(self, run: Run) -> None:
        ended = run("migrate", "sqlite:///openheart.db", f"sqlite:///{Path.cwd()}/openheart.db")
        assert ended.code == 2
        assert "the same storage" in ended.err

    def test_a_uri_that_no_backend_has_is_named_without_its_password(self, run: Run) -> None:
        ended = run("migrate", "sqlite:///openheart.db", "nosql://me:s3cret@h/")
        assert ended.code == 2
        assert "nosql://me:***@h/" in ended.err


@pytest.mark.usefixtures("filled")
class TestRename:
    def test_the_counts_move_once_however_often_it_is_said(self, run: Run) -> None:
        assert run("rename", "a", "http://B/") == (0, "🥨 2\n❤️ 1\n", "")
        again = run("rename", "a", "http://B/")
        assert (again.code, again.out) == (0, "🥨 2\n❤️ 1\n")
        assert "there are no reactions to a in " in again.err
        assert run("rename", "a", "b", "--json") == (0, '{"🥨": 2, "❤️": 1}\n', "")
        assert run("count", "a", "--json") == (0, "{}\n", "")

    def test_one_page_under_two_spellings_is_an_error_of_the_command_line(self, run: Run) -> None:
        ended = run("rename", "a", "/a/")
        assert ended.code == 2
        assert "the same page, a" in ended.err
        assert run("count", "a").out == "🥨 2\n"


@pytest.mark.usefixtures("filled")
class TestDelete:
    def test_the_counts_are_printed_and_gone(self, run: Run) -> None:
        assert run("delete", "a", "--yes") == (0, "🥨 2\n", "")
        assert run("delete", "a", "--json") == (0, "{}\n", "")
        assert run("delete", "b", "--yes", "--json") == (0, '{"❤️": 1}\n', "")
        assert run("export").out == ""

    def test_it_asks_first_and_no_means_no(self) -> None:
        command = [sys.executable, "-m", "openheart", "delete", "a"]
        done = subprocess.run(command, input="n\n", capture_output=True, text=True, env={**os.environ})
        assert done.returncode == 130
        assert "Remove 2 reactions to a?" in done.stderr
        assert done.stderr.endswith("nothing was removed\n")
        # Older versions of click write the blank after the question here.
        assert done.stdout.strip() == ""
        done = subprocess.run(command, input="y\n", capture_output=True, text=True, env={**os.environ})
        assert (done.returncode, done.stdout.strip()) == (0, "🥨 2")

    def test_a_question_that_nobody_can_answer_names_the_flag(self, run: Run) -> None:
        command = [sys.executable, "-m", "openheart", "delete", "a"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 2
        assert "nothing was removed; --yes removes without asking" in done.stderr
        assert run("count", "a").out == "🥨 2\n"
