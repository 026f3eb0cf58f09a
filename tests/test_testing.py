"""What users test with."""

from __future__ import annotations

import pytest

from openheart.errors import ConfigError
from openheart.testing import create_app


def test_each_app_has_counts_of_its_own_and_nothing_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENHEART_URI", "nosql://not-this-one")
    first, second = create_app().test_client(), create_app(emoji="🥨").test_client()
    assert first.post("/openheart/a", data="👍").json == {"👍": 1}
    assert second.get("/openheart/a").json == {}
    assert second.post("/openheart/a", data="👍").status_code == 400


def test_a_wrong_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="the nearest is OPENHEART_EMOJI"):
        create_app(emojis="🥨")
