"""Crawlers do not count; people, and programs that somebody wrote to react, do."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest
from flask.testing import FlaskClient

from .test_reactions import problem_of

PHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.0 Mobile/15E148 Safari/604.1"
)
ANDROID = (
    "Mozilla/5.0 (Linux; Android 14; SM-S918B; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 "
    "Chrome/141.0.0.0 Mobile Safari/537.36"
)
DESKTOP = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36"
)
CRAWLERS = [
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
    "Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
    "facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
    "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)",
    "Twitterbot/1.0",
    "Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
    "CCBot/2.0 (https://commoncrawl.org/faq/)",
]
PEOPLE = [
    "",
    DESKTOP,
    "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0",
    f"{DESKTOP} Edg/141.0.0.0",
    f"{DESKTOP} YaBrowser/25.1 Yowser/2.5",
    PHONE,
    f"{PHONE} DuckDuckGo/7",
    f"{ANDROID} Instagram 300.0.0.0 Android",
    f"{ANDROID} [FB_IAB/FB4A;FBAV/450.0.0.0;]",
    f"{ANDROID} [Pinterest/Android]",
    f"{ANDROID} baiduboxapp/13.20 (Baidu; P1 14)",
    f"{ANDROID} SogouMSE,SogouMobileBrowser/5.22",
    f"{ANDROID} Feedly",
    ANDROID.replace("SM-S918B", "CUBOT X30"),
]
PROGRAMS = [
    "curl/8.5.0",
    "python-requests/2.32",
    "okhttp/4.12",
    "Dart/3.5 (dart:io)",
    "Example/1 CFNetwork/1492 Darwin/23",
    DESKTOP.replace("Chrome/", "HeadlessChrome/"),
]


def press(client: FlaskClient, name: str) -> int:
    return client.post("/openheart/page", data="🥨", headers={"User-Agent": name}).status_code


@pytest.mark.parametrize("name", CRAWLERS)
def test_a_crawler_is_refused_and_counts_nothing(client: FlaskClient, name: str) -> None:
    answer = client.post("/openheart/page", data="🥨", headers={"User-Agent": name})

    assert problem_of(answer) == (403, "automated-client")
    assert client.get("/openheart/page", headers={"User-Agent": name}).json == {}


@pytest.mark.parametrize("name", [*PEOPLE, *PROGRAMS])
def test_people_and_programs_that_react_for_them_count(client: FlaskClient, name: str) -> None:
    assert press(client, name) == 200


def test_a_name_of_any_length_is_read_to_a_limit(client: FlaskClient) -> None:
    assert press(client, f"{DESKTOP} {'x' * 8000}") == 200
    assert press(client, f"{CRAWLERS[0]} {'x' * 8000}") == 403


def test_the_search_engines_previews_and_ai_crawlers_of_the_list_are_refused(client: FlaskClient) -> None:
    listed = json.loads(files("crawleruseragents").joinpath("crawler-user-agents.json").read_text("utf-8"))
    names = [
        entry["instances"][0]
        for entry in listed
        if {"search-engine", "social-preview", "ai-crawler"} & set(entry["tags"])
        and entry["instances"]
        and len(entry["instances"][0]) < 512
    ]
    counted = [name for name in names if press(client, name) == 200]

    assert len(names) > 300
    assert [name for name in counted if "Sogou" not in name] == []
