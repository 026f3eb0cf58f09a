from __future__ import annotations

import os
from pathlib import Path

import pytest

from openheart.errors import ConfigError
from openheart.settings.sources import read_dotenv, read_toml


def write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content.encode() if isinstance(content, str) else content)


def test_a_folder_without_dotenv_has_no_variables(tmp_path: Path) -> None:
    assert read_dotenv(tmp_path) == {}


def test_dotenv_is_read_and_not_exported(tmp_path: Path) -> None:
    write(tmp_path / ".env", "# ours\nexport PORT=81\nNAME='My blog' # here\nEMPTY=\nBARE\n")

    assert read_dotenv(tmp_path) == {"PORT": "81", "NAME": "My blog", "EMPTY": ""}
    assert "PORT" not in os.environ


def test_dotenv_of_a_windows_editor_is_read(tmp_path: Path) -> None:
    write(tmp_path / ".env", b"\xef\xbb\xbfPORT=81\r\nNAME=x\r\n")

    assert read_dotenv(tmp_path) == {"PORT": "81", "NAME": "x"}


def test_dotenv_of_a_folder_above_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / ".env", "PORT=81")
    (tmp_path / "below").mkdir()

    assert read_dotenv(tmp_path / "below") == {}


def test_dotenv_that_is_not_utf8_is_an_error_that_says_so(tmp_path: Path) -> None:
    write(tmp_path / ".env", b"NAME=\xff")

    with pytest.raises(ConfigError, match=r"\.env.*a file that can be read \(it is not UTF-8\)") as refused:
        read_dotenv(tmp_path)

    assert refused.value.__context__ is None


def test_a_config_file_has_texts_numbers_switches_and_lists(tmp_path: Path) -> None:
    write(tmp_path / "o.toml", 'PORT = 81\nOPENHEART_HOLD = true\nOPENHEART_EMOJI = ["🥨"]\nHOST = "::1"\n')

    assert read_toml("o.toml", tmp_path, "here") == {
        "PORT": 81,
        "OPENHEART_HOLD": True,
        "OPENHEART_EMOJI": ["🥨"],
        "HOST": "::1",
    }


def test_a_config_file_may_be_anywhere(tmp_path: Path) -> None:
    write(tmp_path / "o.toml", "PORT = 81")

    assert read_toml(str(tmp_path / "o.toml"), Path("/nowhere"), "here") == {"PORT": 81}


def test_a_config_file_that_is_not_there_is_named_with_its_setting(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"OPENHEART_CONFIG=.*no\.toml.*\(from here\).*No such file"
    ) as refused:
        read_toml("no.toml", tmp_path, "here")

    assert (refused.value.key, refused.value.source) == ("OPENHEART_CONFIG", "here")


def test_a_folder_is_no_config_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a file that can be read"):
        read_toml(".", tmp_path, "here")


def test_a_config_file_that_is_not_toml_is_named_with_its_line_and_quotes_nothing(tmp_path: Path) -> None:
    write(tmp_path / "o.toml", 'PORT = 81\nSECRET_KEY = "hunter2" hunter2\n')

    with pytest.raises(ConfigError, match=r"line 2 of o\.toml is not valid TOML") as refused:
        read_toml("o.toml", tmp_path, "here")

    assert "hunter2" not in str(refused.value)
    assert refused.value.__context__ is None


@pytest.mark.parametrize("content", ["[server]\nPORT = 81", "PORT = 2026-01-01"])
def test_tables_and_dates_are_refused(content: str, tmp_path: Path) -> None:
    write(tmp_path / "o.toml", content)

    with pytest.raises(ConfigError, match=r"from o\.toml\).*has no tables"):
        read_toml("o.toml", tmp_path, "here")
