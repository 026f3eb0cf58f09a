"""A JSON API for posts and their reactions, in blueprints that are registered automatically.

Shows: ApiResult and ApiError, register_blueprints(), and bodies that pydantic validates.
Requires: pip install ../.. pydantic
Run: python app.py, then curl http://127.0.0.1:5000/api/posts
"""

from __future__ import annotations

import openheart

app = openheart.load(name=__name__)
openheart.register_blueprints(app, "blueprints")


if __name__ == "__main__":
    openheart.run()
