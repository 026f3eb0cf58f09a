"""Reads the files that hold settings: ``.env`` and the TOML config file. config.py decides which source
takes precedence."""

from __future__ import annotations

import io
import re
from pathlib import Path

from ..errors import ConfigError

__all__ = ["read_dotenv", "read_toml"]


def read_dotenv(folder: Path) -> dict[str, str]:
    """The variables of the file ``.env`` in one folder.

    Parent folders are not searched, and ``os.environ`` does not change.

    Args:
        folder: where the file is; the file need not exist.

    Returns:
        Each variable that has a value, with ``${NAME}`` replaced as python-dotenv does it.

    Raises:
        ConfigError: the file is there and cannot be read.
    """
    path = folder / ".env"
    if not path.is_file():
        return {}
    content = _read_text(".env", path, "the file .env")
    # Imported here and not above, like tomllib below: most apps have no such file.
    from dotenv import dotenv_values

    values = dotenv_values(stream=io.StringIO(content))
    return {name: value for name, value in values.items() if value is not None}


def read_toml(name: str, folder: Path, source: str) -> dict[str, object]:
    """The keys and values of a TOML file that has no tables.

    Args:
        name: the file's path as the operator wrote it; a relative one starts at the folder.
        folder: where a relative path starts.
        source: where the path was written, such as ``the environment``.

    Raises:
        ConfigError: the file is not there, cannot be read, is not TOML, or has a table or a date; the
            text names the file, and the line of a syntax error.
    """
    import tomllib

    content = _read_text(name, folder / name, source)
    try:
        values = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        # Only the line: the error itself may quote the file, which holds secrets.
        line = re.search(r"at line (\d+)", str(error))
    else:
        for key, value in values.items():
            if not isinstance(value, (str, bool, int, float, list)):
                expected = f"text, a number, true, false or a list in {name}, which has no tables"
                raise ConfigError(key, "***", name, expected)
        return values
    where = f"line {line[1]} of {name}" if line else name
    raise ConfigError("OPENHEART_CONFIG", name, source, f"a TOML file, but {where} is not valid TOML")


def _read_text(name: str, path: Path, source: str) -> str:
    try:
        # utf-8-sig: editors on Windows put a byte order mark in front.
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its path is invalid"
    key = "OPENHEART_CONFIG" if name != ".env" else ".env"
    raise ConfigError(key, str(path), source, f"a file that can be read ({reason})")
