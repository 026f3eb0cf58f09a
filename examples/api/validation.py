"""Validates the body of a request with pydantic.

Shows: the errors of pydantic as members of a problem document.
Requires: pip install ../.. pydantic
Run: python app.py
"""

from __future__ import annotations

from typing import TypeVar

from flask import request
from pydantic import BaseModel, ConfigDict, ValidationError

from openheart import ApiError


class Body(BaseModel):
    """The body of a request; unknown members are refused, text is not converted."""

    model_config = ConfigDict(extra="forbid", strict=True)


Model = TypeVar("Model", bound=Body)


def read_body(model: type[Model]) -> Model:
    """The validated body of the current request; else an ApiError with status 422 that lists each fault."""
    try:
        return model.model_validate_json(request.get_data())
    except ValidationError as error:
        faults = [
            {"at": "/".join(map(str, fault["loc"])), "message": fault["msg"]} for fault in error.errors()
        ]
        raise ApiError(422, detail="The body is not valid for this address", errors=faults) from error
