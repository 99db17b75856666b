"""A line of a journal: what all of them have in common, and what is wrong with one that does not fit."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

L = TypeVar("L", bound="JournalLine")


class JournalLine(BaseModel):
    """Base of the schemas of lines: no field may be missing, unknown, or of another type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    @classmethod
    def read(cls: type[L], line: Any) -> L:
        """From a line, parsed. Raises ``ValueError`` that says which field is wrong, and how."""
        try:
            return cls.model_validate(line)
        except ValidationError as error:
            raise ValueError(field_fault(error)) from error

    def line(self) -> dict[str, Any]:
        """As JSON, for a journal to have a line of."""
        return self.model_dump(mode="json")


def field_fault(error: ValidationError) -> str:
    """What is wrong with a line, in words: the field, and why."""
    fault = error.errors()[0]
    field = ".".join(map(str, fault["loc"]))
    if fault["type"] == "missing":
        return f"the field {field!r} is missing"
    if fault["type"] == "extra_forbidden":
        return f"the field {field!r} is not known to this version of the harness"
    message = fault["msg"].removeprefix("Value error, ")
    return f"the field {field!r} is {_brief(fault['input'])}: {message}" if field else message


def _brief(value: Any) -> str:
    try:
        text = json.dumps(value)
    except (TypeError, ValueError):
        text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
