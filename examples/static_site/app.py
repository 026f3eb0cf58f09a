"""A site of plain HTML files on one port, openheart on another, and one tag that connects them.

Shows: openheart.js on pages of another origin, and OPENHEART_ORIGINS, which names them.
Requires: pip install ../..
Run: python app.py, then open http://127.0.0.1:8000/
"""

from __future__ import annotations

import functools
import os
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import openheart

HERE = Path(__file__).parent
SITE_PORT = int(os.environ.get("SITE_PORT", "8000"))

# The same as `OPENHEART_ORIGINS=http://127.0.0.1:8000 openheart run`.
app = openheart.load(name=__name__, origins=f"http://127.0.0.1:{SITE_PORT}")


if __name__ == "__main__":
    # In production a web server or a static site host serves the files; this server is only for the example.
    files = functools.partial(SimpleHTTPRequestHandler, directory=HERE / "site")
    site = ThreadingHTTPServer(("127.0.0.1", SITE_PORT), files)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    print(f"The site is at http://127.0.0.1:{SITE_PORT}/", flush=True)
    openheart.run()
