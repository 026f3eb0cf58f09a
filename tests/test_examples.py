from __future__ import annotations

import ast
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from .browser import complaints, eventually
from .servers.ports import free_port
from .waiting import PATIENCE, until

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"


@pytest.fixture
def port() -> int:
    return free_port()


def environment(**more: str) -> dict[str, str]:
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return {**os.environ, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1", **more}


def ask(url: str, emoji: str | None = None, **headers: str) -> bytes:
    request = urllib.request.Request(url, data=None if emoji is None else emoji.encode(), headers=headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        body: bytes = answer.read()
    return body


def answers(url: str) -> bool:
    try:
        ask(url)
    except OSError:
        return False
    return True


@contextmanager
def served(*command: str | Path, url: str, cwd: Path, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """An example as a person runs it; the block starts when the URL answers."""
    log = cwd / "output.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=cwd,
            env=environment(**variables),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until(lambda: process.poll() is not None or answers(url), f"{url} does not answer")
        assert process.poll() is None, log.read_text(encoding="utf-8")
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize(
    "path", sorted(EXAMPLES.rglob("*.py")), ids=lambda path: str(path.relative_to(EXAMPLES))
)
def test_an_example_says_what_it_shows_what_it_requires_and_how_to_run_it(path: Path) -> None:
    lines = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()

    for word in ("Shows: ", "Requires: ", "Run: "):
        assert sum(line.startswith(word) for line in lines) == 1


def test_the_hello_example_takes_a_press_on_its_button_and_shows_the_count(tmp_path: Path, port: int) -> None:
    page = f"http://127.0.0.1:{port}/"
    script = tmp_path / "app.py"
    script.write_bytes((EXAMPLES / "hello" / "app.py").read_bytes())

    with served("app.py", url=page, cwd=tmp_path, PORT=str(port)) as process:
        shown = ask(
            f"{page}openheart/hello?back=/",
            "🥨=\r\n",
            **{"Content-Type": "text/plain", "Accept": "text/html"},
        )
        counts = json.loads(ask(f"{page}openheart/hello"))
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)

    assert "🥨 1" in shown.decode()
    assert counts == {"🥨": 1}
    assert process.returncode == 0
    assert list((tmp_path / "instance").glob("*.db"))


def test_the_five_lines_of_the_readme_serve_reactions(tmp_path: Path, port: int) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    code = readme.split("```python\n", 1)[1].split("```", 1)[0]
    (tmp_path / "app.py").write_text(code, encoding="utf-8")
    url = f"http://127.0.0.1:{port}/openheart/hello"

    with served("app.py", url=url, cwd=tmp_path, PORT=str(port)):
        answers = [ask(url, "🥨", **{"Content-Type": "application/x-www-form-urlencoded"}) for _ in range(2)]

    assert len(code.strip().splitlines()) == 5
    assert [json.loads(answer) for answer in answers] == [{"🥨": 1}, {"🥨": 2}]


def test_the_factory_example_keeps_two_sites_apart(tmp_path: Path, port: int) -> None:
    (tmp_path / "app.py").write_bytes((EXAMPLES / "factory" / "app.py").read_bytes())
    base = f"http://127.0.0.1:{port}"

    with served("app.py", url=f"{base}/blog/", cwd=tmp_path, PORT=str(port)):
        ask(f"{base}/blog/openheart/hello", "🥨")
        ask(f"{base}/shop/likes/hello", "👍")
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(f"{base}/shop/likes/hello", "🥨")
        with caught.value as answer:
            assert json.loads(answer.read())["type"] == "emoji-not-allowed"
        blog, shop = json.loads(ask(f"{base}/blog/")), json.loads(ask(f"{base}/shop/"))

    assert (blog, shop) == ({"🥨": 1}, {"👍": 1})


def test_the_factory_example_works_with_the_flask_command(tmp_path: Path, port: int) -> None:
    (tmp_path / "app.py").write_bytes((EXAMPLES / "factory" / "app.py").read_bytes())
    url = f"http://127.0.0.1:{port}/openheart/hello"
    command = ("-m", "flask", "--app", "app:create_app('blog')", "run", "--port", str(port))

    with served(*command, url=url, cwd=tmp_path):
        answer = ask(url, "🥨")

    assert json.loads(answer) == {"🥨": 1}


def test_the_tests_of_the_factory_example_pass(tmp_path: Path) -> None:
    for name in ("app.py", "test_app.py"):
        (tmp_path / name).write_bytes((EXAMPLES / "factory" / name).read_bytes())

    output = run_pytest("test_app.py", cwd=tmp_path)

    assert " 2 passed" in output


def installed(example: str, folder: Path) -> set[str]:
    """Copy an example, with what `pip install .` makes of it; returns the names of its entry points."""
    copy(example, folder)
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    made = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    made.mkdir()
    (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n")
    lines = []
    for group, points in project["entry-points"].items():
        lines += [f"[{group}]", *(f"{name} = {where}" for name, where in points.items())]
    (made / "entry_points.txt").write_text("\n".join(lines))
    return {name for points in project["entry-points"].values() for name in points}


def printed_command(path: Path) -> tuple[dict[str, str], list[str]]:
    """What an example's line "Run:" says after "then": the variables, and the command with its arguments."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    (line,) = re.findall(r"^Run: .*then (.*)$", text, re.MULTILINE)
    words = line.split()
    variables = dict(word.split("=", 1) for word in words if "=" in word)
    return variables, words[len(variables) :]


def test_the_backend_examples_are_found_by_their_entry_points_and_keep_the_contract(tmp_path: Path) -> None:
    schemes = installed("backend", tmp_path)

    output = run_pytest("test_json_backend.py", cwd=tmp_path)

    assert schemes == {"json", "jsonlog"}
    assert " passed" in output
    assert "skipped" not in output
    assert len((tmp_path / "json_backend.py").read_text(encoding="utf-8").splitlines()) < 40


@pytest.mark.parametrize("name", ["json_backend.py", "jsonlog_backend.py"])
def test_the_backend_examples_run_as_their_first_lines_say(tmp_path: Path, port: int, name: str) -> None:
    installed("backend", tmp_path)
    variables, (command, *arguments) = printed_command(tmp_path / name)
    url = f"http://127.0.0.1:{port}/openheart/hello"

    with served("-m", command, *arguments, url=url, cwd=tmp_path, **variables, PORT=str(port)):
        answer = ask(url, "🥨")

    assert json.loads(answer) == {"🥨": 1}
    assert (tmp_path / variables["OPENHEART_URI"].partition(":")[2]).exists()


def test_the_battery_example_is_found_by_its_entry_point(tmp_path: Path) -> None:
    names = installed("battery", tmp_path)

    output = run_pytest("test_statsd_battery.py", cwd=tmp_path)

    assert names == {"statsd"}
    assert " 4 passed" in output


def test_the_battery_example_runs_as_its_first_lines_say(tmp_path: Path, port: int) -> None:
    installed("battery", tmp_path)
    variables, (command, *arguments) = printed_command(tmp_path / "statsd_battery.py")
    url = f"http://127.0.0.1:{port}/openheart/hello"

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as statsd:
        statsd.bind(("127.0.0.1", 0))
        statsd.settimeout(PATIENCE)
        assert variables.keys() == {"OPENHEART_BATTERIES", "STATSD_HOST"}
        variables["STATSD_HOST"] = f"127.0.0.1:{statsd.getsockname()[1]}"
        with served("-m", command, *arguments, url=url, cwd=tmp_path, **variables, PORT=str(port)):
            ask(url, "🥨")
            packet = statsd.recv(100)

    assert packet == b"openheart.reactions:1|c"


class TestTheBlog:
    @pytest.fixture
    def blog(self, tmp_path: Path, port: int) -> Iterator[str]:
        copy("blog", tmp_path)
        url = f"http://127.0.0.1:{port}/"
        with served("app.py", url=url, cwd=tmp_path, PORT=str(port)):
            yield url

    def test_the_list_and_the_feed_show_the_counts_of_each_post(self, blog: str) -> None:
        ask(f"{blog}openheart/posts/rye", "🥨")
        ask(f"{blog}openheart/posts/rye", "🥨")
        ask(f"{blog}openheart/posts/starter", "❤️")

        shown = re.findall(r"<small>(.*?) ?</small>\n  </li>", ask(blog).decode())
        feed = ElementTree.fromstring(ask(f"{blog}feed.xml"))

        assert shown == ["🥨 2", "no reactions yet", "❤️ 1"]
        summaries = [each.text or "" for each in feed.iter("{http://www.w3.org/2005/Atom}summary")]
        assert [text.rpartition(".")[2].strip() for text in summaries] == ["🥨 2", "", "❤️ 1"]
        assert [each.text for each in feed.iter("{http://www.w3.org/2005/Atom}id")][1] == f"{blog}posts/rye"

    def test_a_form_on_a_post_comes_back_to_it(self, blog: str) -> None:
        action = re.search(r'<form class="buttons" action="([^"]+)"', ask(f"{blog}posts/rye").decode())
        assert action
        headers = {"Content-Type": "text/plain", "Accept": "text/html"}

        page = ask(f"{blog}{action[1].lstrip('/')}", "🎉=\r\n", **headers).decode()

        assert "<h1>A week of rye</h1>" in page
        assert "🎉 1" in page

    def test_a_post_that_does_not_exist_takes_no_reactions(self, blog: str) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(f"{blog}openheart/posts/nothing", "🥨")
        with caught.value as answer:
            assert answer.code == 404

    @pytest.mark.slow
    def test_the_tag_on_a_post_counts_a_press_in_a_browser(self, blog: str, browser: Chrome) -> None:
        browser.get(f"{blog}posts/rye")
        press(browser, "❤️")
        assert complaints(browser) == []

        assert json.loads(ask(f"{blog}openheart/posts/rye")) == {"❤️": 1}


@pytest.mark.slow
def test_the_static_site_counts_a_press_on_a_page_and_shows_it_on_its_list(
    tmp_path: Path, port: int, browser: Chrome
) -> None:
    copy("static_site", tmp_path)
    site_port = str(free_port())
    for page in tmp_path.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        page.write_text(text.replace(":5000", f":{port}").replace(":8000", f":{site_port}"), encoding="utf-8")
    site = f"http://127.0.0.1:{site_port}/"
    ready = f"http://127.0.0.1:{port}/openheart/-/readyz"

    with served("app.py", url=ready, cwd=tmp_path, PORT=str(port), SITE_PORT=site_port):
        browser.get(f"{site}posts/lake.html")
        press(browser, "🥾")
        browser.get(site)
        eventually(browser, lambda: shown(browser) == ["0", "1", "0", "0", "0", "0"])
        assert complaints(browser) == []
        ridge = tmp_path / "site" / "posts" / "ridge.html"
        (action,) = re.findall('<form action="([^"]+)"', ridge.read_text(encoding="utf-8"))
        # Of a page on another origin, browsers send no more as the Referer.
        headers = {"Accept": "text/html", "Content-Type": "text/plain", "Referer": site}
        assert "<h1>Along the ridge</h1>" in ask(action, "🥾=\r\n", **headers).decode()
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(f"http://127.0.0.1:{port}/openheart/x", "🥨", Origin="http://elsewhere.example")
        with caught.value as answer:
            assert answer.code == 403


class TestTheApi:
    @pytest.fixture
    def posts(self, tmp_path: Path, port: int) -> Iterator[str]:
        copy("api", tmp_path)
        url = f"http://127.0.0.1:{port}/api/posts"
        with served("app.py", url=url, cwd=tmp_path, PORT=str(port)):
            yield url

    def test_a_post_is_added_reacted_to_and_listed(self, posts: str) -> None:
        ask(posts, '{"slug": "spelt", "title": "Spelt"}')
        counts = json.loads(ask(f"{posts}/spelt/reactions", '{"emoji": "🥨"}'))
        json.loads(ask(f"{posts.replace('/api', '/openheart/api')}/spelt", "🥨"))

        listed = json.loads(ask(posts))

        assert counts == {"🥨": 1}
        assert {post["slug"]: post["reactions"] for post in listed} == {
            "rye": {}, "pretzels": {}, "spelt": {"🥨": 2},
        }  # fmt: skip
        assert json.loads(ask(f"{posts}/spelt")) == listed[2]

    @pytest.mark.parametrize(
        ("path", "body", "status", "detail"),
        [
            ("", '{"slug": 3}', 422, "The body is not valid for this address"),
            ("", '{"slug": "rye", "title": "Rye"}', 409, "The post 'rye' already exists"),
            ("/rye/reactions", '{"emoji": "hello"}', 400, "is not an emoji"),
            ("/nothing", None, 404, "There is no post 'nothing'"),
        ],
    )
    def test_what_cannot_be_is_a_problem_document(
        self, posts: str, path: str, body: str | None, status: int, detail: str
    ) -> None:
        with pytest.raises(urllib.error.HTTPError) as caught:
            ask(posts + path, body)

        with caught.value as answer:
            document = json.loads(answer.read())
            assert answer.headers["Content-Type"] == "application/problem+json"
        assert document["status"] == answer.code == status
        assert detail in document["detail"]


def copy(example: str, folder: Path) -> None:
    shutil.copytree(
        EXAMPLES / example, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
    )


def shown(browser: Chrome) -> list[str]:
    script = """return [...document.querySelectorAll("openheart-reactions")].flatMap((element) =>
        [...element.shadowRoot.querySelectorAll("[part=count]")].map((count) => count.textContent))"""
    counts: list[str] = browser.execute_script(script)
    return counts


def press(browser: Chrome, emoji: str) -> None:
    element = browser.find_element(By.TAG_NAME, "openheart-reactions")
    eventually(browser, lambda: "0" in shown(browser))
    element.shadow_root.find_element(By.CSS_SELECTOR, f'button[name="{emoji}"]').click()
    output = element.shadow_root.find_element(By.CSS_SELECTOR, "output")
    eventually(browser, lambda: output.get_attribute("textContent") == f"{emoji} 1")


def run_pytest(name: str, cwd: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", name],
        cwd=cwd,
        env=environment(PYTHONPATH=os.pathsep.join([str(cwd), environment()["PYTHONPATH"]])),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
