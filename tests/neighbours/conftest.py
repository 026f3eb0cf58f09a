"""openheart beside the extensions that its users have, which requirements/neighbours.txt lists.

`make neighbours` runs these tests; a run that does not name this folder leaves them out.
"""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the tests out where nobody asked for them: their packages are not installed there."""
    asked = (Path(config.invocation_params.dir, each.partition("::")[0]) for each in config.args)
    named = any(each == HERE or HERE in each.parents for each in asked)
    return None if named or collection_path.suffix != ".py" else True
