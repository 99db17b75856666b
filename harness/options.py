"""Options of plugins from the command line: ``NAME.FIELD=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from harness.errors import HarnessError
from harness.plugin import NoOptions, Plugin


def parse(assignments: Iterable[str]) -> dict[str, dict[str, str]]:
    """Values by plugin name and field. Names may hold dots: the last one before the ``=`` ends the name."""
    values: dict[str, dict[str, str]] = {}
    for text in assignments:
        target, equals, value = text.partition("=")
        name, dot, field = target.rpartition(".")
        if not (equals and dot and name and field):
            raise HarnessError(f"The option {text!r} should read NAME.FIELD=VALUE, as in occlusion.grid=8.")
        values.setdefault(name.strip(), {})[field.strip()] = value.strip()
    return values


def for_plugins(assignments: Sequence[str], classes: Iterable[type[Plugin]]) -> dict[type[Plugin], NoOptions]:
    """The options of each class. Raises ``HarnessError`` for a bad one, or one of a plugin that is not among them."""
    values, built = parse(assignments), {}
    for cls in classes:
        mine: dict[str, str] = {}
        for name in (*cls.aliases, cls.name):
            mine.update(values.pop(name, {}))
        built[cls] = build(cls, mine)
    if values:
        name = min(values)
        taking = ", ".join(sorted(cls.name for cls in built))
        raise HarnessError(f"There is an option for {name!r}, which takes no part in this run; these do: {taking}.")
    return built


def build(cls: type[Plugin], values: dict[str, str]) -> NoOptions:
    """The options of one plugin from texts. Raises ``HarnessError`` that names field, value and what is allowed."""
    fields = cls.Options.model_fields
    for field in values:
        if field not in fields:
            near = get_close_matches(field, fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(fields) or 'none'}."
            raise HarnessError(f"{cls.name} has no option {field!r}; {hint}")
    # "none" stands for None where a field allows it.
    typed: dict[str, Any] = {
        field: None if value.lower() == "none" and NoneType in _alternatives(fields[field]) else value
        for field, value in values.items()
    }
    try:
        return cls.Options.model_validate(typed)
    except ValidationError as error:
        fault = error.errors()[0]
        field = str(fault["loc"][0]) if fault["loc"] else ""
        given = f"{field}={values[field]!r}" if field in values else field or "its options"
        raise HarnessError(f"Bad option {cls.name}.{given}: {fault['msg'].lower()} ({allowed(fields[field]) if field in fields else 'see plugins show'}).") from error


def _alternatives(info: FieldInfo) -> tuple[Any, ...]:
    kind = info.annotation
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def allowed(info: FieldInfo) -> str:
    """What a field takes, in words."""
    words = []
    for kind in _alternatives(info):
        if get_origin(kind) is Literal:
            words += [str(choice) for choice in get_args(kind)]
        else:
            words.append("none" if kind is NoneType else getattr(kind, "__name__", str(kind)))
    text = " or ".join(words)
    signs = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<"}
    limits = [
        f"{sign} {getattr(rule, name)}" for rule in info.metadata for name, sign in signs.items() if hasattr(rule, name)
    ]
    return ", ".join([text, *limits])


def describe(cls: type[Plugin]) -> list[tuple[str, str, str, str]]:
    """Field, what it takes, default and description of each option."""
    return [
        (name, allowed(info), str(info.get_default(call_default_factory=True)), info.description or "")
        for name, info in cls.Options.model_fields.items()
    ]
