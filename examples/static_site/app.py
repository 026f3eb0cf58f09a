"""A site of plain HTML files on one port, openheart on another, and one tag between them.

Shows: openheart.js on pages of another origin, and OPENHEART_ORIGINS, which names them.
Requires: pip install openheart
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

# What `OPENHEART_ORIGINS=http://127.0.0.1:8000 openheart run` does too.
app = openheart.load(name=__name__, origins=f"http://127.0.0.1:{SITE_PORT}")


if __name__ == "__main__":
    # In earnest the files are on a web server or a host for static sites; this one is for trying things out.
    files = functools.partial(SimpleHTTPRequestHandler, directory=HERE / "site")
    site = ThreadingHTTPServer(("127.0.0.1", SITE_PORT), files)
    threading.Thread(target=site.serve_forever, daemon=True).start()
    print(f"The site is at http://127.0.0.1:{SITE_PORT}/", flush=True)
    openheart.run()
