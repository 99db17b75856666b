"""A plugin's options in words, for `harness plugins show` and the reference."""

from __future__ import annotations

from pydantic.fields import FieldInfo

from harness.contracts.plugin import Plugin
from harness.options import allowed

REQUIRED = "(required)"


def describe_options(cls: type[Plugin]) -> list[tuple[str, str, str, str]]:
    """Field, what it takes, default and description of each option."""
    return [
        (name, allowed(info), _default(info), info.description or "") for name, info in cls.Options.model_fields.items()
    ]


def _default(info: FieldInfo) -> str:
    if info.is_required():
        return REQUIRED
    value = info.get_default(call_default_factory=True)
    return str(value).lower() if value is None or isinstance(value, bool) else str(value)
