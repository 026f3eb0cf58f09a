"""The documents of the board of ideas in MongoDB.

Shows: document classes that load(models=) puts on the connection of the app.
Requires: pip install '../..[all]'
Run: python app.py, next to this file
"""

from __future__ import annotations

import mongoengine


class Idea(mongoengine.Document):  # type: ignore[misc]  # mongoengine has no types
    """An idea of one team."""

    team = mongoengine.StringField(required=True)
    author = mongoengine.StringField(required=True)
    text = mongoengine.StringField(required=True, max_length=280)
    words = mongoengine.IntField()
    has_photo = mongoengine.BooleanField(default=False)
