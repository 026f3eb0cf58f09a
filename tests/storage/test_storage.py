from __future__ import annotations

from pathlib import Path

import pytest

from openheart.errors import ConfigError, InvalidEmoji, InvalidTarget
from openheart.settings.config import load_config
from openheart.storage import Storage

URI = "sqlite:///openheart.db"


@pytest.mark.parametrize(
    "config", [{"OPENHEART_URI": URI}, {"database_uri": URI}], ids=["ours", "lower-case"]
)
def test_a_page_is_reacted_to_and_read(config: dict[str, str]) -> None:
    with Storage("hello", config) as page:
        assert page.reactions == {}
        assert page.react("🥨") == {"🥨": 1}
        assert page.react("❤") == {"🥨": 1, "❤️": 1}
        assert page.reactions == {"🥨": 1, "❤️": 1}


def test_a_config_serves_as_well_as_a_mapping() -> None:
    config = load_config(keywords={"uri": URI, "instance": "blue"}, env=False)
    with Storage("hello", config) as page:
        page.react("🥨")
    with Storage("hello", {"OPENHEART_URI": URI, "INSTANCE": "blue", "OTHER": 1}) as page:
        assert page.reactions == {"🥨": 1}
    with Storage("hello", {"OPENHEART_URI": URI}) as page:
        assert page.reactions == {}


def test_it_works_without_a_with_block_and_opens_only_when_used() -> None:
    page = Storage("hello", {"OPENHEART_URI": URI})
    assert not Path("openheart.db").exists()
    assert page.react("🥨") == {"🥨": 1}
    page.close()
    assert page.reactions == {"🥨": 1}
    page.close()


def test_the_slug_and_the_emoji_are_brought_to_their_one_spelling() -> None:
    with Storage("https://Example.org//hello/", {"OPENHEART_URI": URI}) as page:
        assert page.slug == "example.org/hello"
        assert page.react("👍🏽 well done") == {"👍🏽": 1}


def test_what_is_no_target_or_no_emoji_is_refused_and_changes_nothing() -> None:
    with pytest.raises(InvalidTarget):
        Storage("a/../b", {"OPENHEART_URI": URI})
    with Storage("hello", {"OPENHEART_URI": URI}) as page:
        with pytest.raises(InvalidEmoji):
            page.react("hello")
        assert page.reactions == {}


def test_a_mapping_without_a_uri_is_refused() -> None:
    with pytest.raises(ConfigError, match="OPENHEART_URI"):
        Storage("hello", {})


def test_named_parameters_of_a_query_are_part_of_the_slug() -> None:
    with Storage("https://example.org/a/?utm=1&p=2", {"OPENHEART_URI": URI, "OPENHEART_QUERY": "p"}) as page:
        assert page.slug == "example.org/a?p=2"
