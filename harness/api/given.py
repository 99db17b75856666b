"""What users give in Python: names, classes, plugins in memory, and options as a list or a dictionary."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from typing import Any

from harness.contracts.plugin import Plugin
from harness.errors import HarnessError
from harness.registry import KINDS, Kind, Registry
from harness.settings import Settings

Options = Sequence[str] | Mapping[str, Any]
Item = str | type[Plugin] | Plugin
Given = Item | Sequence[Item] | Mapping[str, Item]
_LISTS = ("modes", "metrics", "observers")


def as_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as their models take them: options as a list, and one of a list without its brackets."""
    values = {name: [value] if name in _LISTS and isinstance(value, str) else value for name, value in given.items()}
    if "options" in values:
        values["options"] = assignments(given["options"])
    return values


def labels(registry: Registry, kind: Kind, given: Given) -> list[str]:
    """The labels of what was given: names, classes and plugins, which the registry then knows."""
    if isinstance(given, Mapping):
        return [label_of(registry, kind, item, label) for label, item in given.items()]
    items = [given] if isinstance(given, str | type | Plugin) else list(given)
    return [label_of(registry, kind, item) for item in items]


def label_of(registry: Registry, kind: Kind, item: Any, label: str | None = None) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, KINDS[kind]):
        registry.give(kind, label or item.name, item, _source_digest(type(item)))
        return label or item.name
    name = str(find(registry, kind, item).name)
    if label is not None and label.partition("@")[0] != name:
        raise HarnessError(f"The label {label!r} must be {name}, or {name}@VARIANT.")
    return label or name


def find(registry: Registry, kind: Kind, item: Any) -> Any:
    """The class that a name stands for, or the class itself, which the registry then knows."""
    if isinstance(item, str):
        return registry.find(kind, item)
    if isinstance(item, type) and issubclass(item, KINDS[kind]):
        registry.adopt(kind, item, _source_digest(item))
        return item
    raise HarnessError(f"Give the {kind} as a name or as a subclass of {KINDS[kind].__name__}, not {item!r}.")


def _source_digest(cls: type[Plugin]) -> str:
    """What stands for the version of a class that no distribution has: "source" and a digest of its text.

    Of its bases too, but for the harness's own. "source unknown" where Python did not keep the text.
    """
    texts = []
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] in ("builtins", "abc", "harness"):
            continue
        try:
            texts.append(inspect.getsource(base))
        except (OSError, TypeError):  # before Python 3.13 a notebook's classes have no text, but their functions do
            try:
                texts += [inspect.getsource(part) for part in vars(base).values() if inspect.isfunction(part)]
            except (OSError, TypeError):
                return "source unknown"
    return f"source {sha256(chr(10).join(texts).encode()).hexdigest()[:12]}"


def assignments(options: Options) -> list[str]:
    """Options as the command line has them."""
    if isinstance(options, str):
        raise HarnessError(f"Give the options as a list or a dictionary, as in options=[{options!r}].")
    if isinstance(options, Mapping):
        return [f"{target}={value}" for target, value in options.items()]
    return list(options)


def signature_with(function: Callable[..., Any], cls: type[Settings]) -> inspect.Signature:
    """A function's signature with the settings in place of ``**settings``, for help and completion."""
    own = inspect.signature(function)
    kept = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=info.default, annotation=info.annotation)
        for name, info in cls.model_fields.items()
        if name not in own.parameters
    ]
    return own.replace(parameters=[*kept, *more])
