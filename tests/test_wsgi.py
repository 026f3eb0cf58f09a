"""openheart.wsgi:app under a WSGI server that knows nothing of openheart."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from .waiting import PATIENCE


@pytest.mark.skipif(os.name != "posix", reason="gunicorn is for POSIX systems")
def test_it_serves_reactions_a_page_and_health_and_keeps_them_in_the_folder(tmp_path: Path) -> None:
    command = [
        sys.executable, "-c",
        "import sys, gunicorn.app.wsgiapp as g; sys.argv[0] = 'gunicorn'; sys.exit(g.run())",
        "--bind", "127.0.0.1:0", "--workers", "2", "--threads", "2", "openheart.wsgi:app",
    ]  # fmt: skip
    # Newer versions open a socket for control in the user's folder, one for all.
    environment = {**os.environ, "HOME": str(tmp_path), "XDG_RUNTIME_DIR": ""}
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True
    ) as server:
        assert server.stderr is not None
        try:
            url = next(
                line.split("Listening at: ")[1].split()[0] for line in server.stderr if "Listening at" in line
            )
            for count in range(1, 11):
                answer = httpx.post(f"{url}/openheart/hello", content="🥨", timeout=PATIENCE)
                assert answer.json() == {"🥨": count}
            assert "openheart" in httpx.get(f"{url}/", timeout=PATIENCE).text
            assert httpx.get(f"{url}/readyz", timeout=PATIENCE).json() == {"status": "ready"}
        finally:
            server.terminate()
            server.stderr.read()
        assert server.wait(PATIENCE) == 0
    assert (tmp_path / "openheart.db").is_file()
