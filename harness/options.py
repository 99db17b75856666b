"""Options of plugins from the command line: ``NAME.FIELD=VALUE``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from harness.contracts.plugin import NoOptions, Plugin
from harness.errors import HarnessError

_SIGNS = {"ge": ">=", "gt": ">", "le": "<=", "lt": "<", "pattern": "matching"}
_WORDS: dict[Any, str] = {
    NoneType: "none", bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path",
}  # fmt: skip


def parse(assignments: Iterable[str]) -> list[tuple[str, str, str]]:
    """Plugin name, field and value of each. Names may hold dots: the last before the ``=`` ends the name."""
    parsed = []
    for text in assignments:
        target, equals, value = text.partition("=")
        name, _, field = (part.strip() for part in target.rpartition("."))
        if not (equals and name and field):
            raise HarnessError(f"The option {text!r} should read NAME.FIELD=VALUE, as in occlusion.grid=8.")
        parsed.append((name, field, value.strip()))
    return parsed


def for_plugins(assignments: Sequence[str], classes: Iterable[type[Plugin]]) -> dict[type[Plugin], NoOptions]:
    """The options of each class, by :func:`for_labels` under the classes' own names."""
    unique = list(dict.fromkeys(classes))
    return dict(zip(unique, for_labels(assignments, [(cls.name, cls) for cls in unique]), strict=True))


def for_labels(assignments: Sequence[str], labelled: Sequence[tuple[str, type[Plugin]]]) -> list[NoOptions]:
    """The options of each of the plugins that take part, which each have a label, in order.

    A label is the plugin's name, or ``NAME@VARIANT``; an assignment goes to the one whose label (or alias) it names.
    An assignment to a name that several plugins share (a source's and an editor's, say) goes to those that have the
    field. Raises ``HarnessError`` for a bad one, one of a plugin that does not take part, and two of which only one
    could hold.
    """
    values: list[dict[str, str]] = [{} for _ in labelled]
    for name, field, value in parse(assignments):
        owners = [
            k for k, (label, cls) in enumerate(labelled) if name == label or (label == cls.name and name in cls.aliases)
        ]
        if not owners:
            taking = ", ".join(sorted({label for label, _ in labelled})) or "none"
            raise HarnessError(f"There is an option for {name!r}, which takes no part in this run; these do: {taking}.")
        for owner in [k for k in owners if field in labelled[k][1].Options.model_fields] or owners[:1]:
            if values[owner].setdefault(field, value) != value:
                before = values[owner][field]
                raise HarnessError(
                    f"The option {name}.{field} is given twice, as {before} and as {value}; give one of them."
                )
    return [read_options(cls, mine) for (_, cls), mine in zip(labelled, values, strict=True)]


def read_options(cls: type[Plugin], values: dict[str, str]) -> NoOptions:
    """The options of one plugin from texts. Raises ``HarnessError`` that says what is allowed."""
    fields = cls.Options.model_fields
    for field in values:
        if field not in fields:
            near = get_close_matches(field, fields, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(fields) or 'none'}."
            raise HarnessError(f"{cls.name} has no option {field!r}; {hint}")
    typed = {field: _value(fields[field], value) for field, value in values.items()}
    try:
        return cls.Options.model_validate(typed)
    except ValidationError as error:
        fault = error.errors()[0]
        message = fault["msg"][:1].lower() + fault["msg"][1:]
        field = str(fault["loc"][0]) if fault["loc"] else ""
        if field not in fields:
            raise HarnessError(f"Bad options of {cls.name}: {message}.") from error
        given = f"={values[field]!r}" if field in values else ""
        raise HarnessError(
            f"Bad option {cls.name}.{field}{given}: {message} (it takes {allowed(fields[field])})."
        ) from error


def _value(info: FieldInfo, text: str) -> Any:
    """The None or the literal that a text stands for; else the text itself, for pydantic to read."""
    kinds = _alternatives(info)
    for kind in kinds:
        if get_origin(kind) is Literal:
            for choice in get_args(kind):
                if str(choice) == text:
                    return choice
    return None if text.lower() == "none" and NoneType in kinds else text


def _alternatives(info: FieldInfo) -> tuple[Any, ...]:
    kind = info.annotation
    return get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)


def allowed(info: FieldInfo) -> str:
    """What a field takes, in words."""
    words: list[str] = []
    for kind in _alternatives(info):
        if get_origin(kind) is Literal:
            words += [str(choice) for choice in get_args(kind)]
        else:
            words.append(_WORDS.get(kind) or str(getattr(kind, "__name__", kind)))
    text = " or ".join(words)
    limits = [
        f"{sign} {getattr(rule, name)}"
        for rule in info.metadata
        for name, sign in _SIGNS.items()
        if getattr(rule, name, None) is not None
    ]
    return ", ".join([text, *limits])
