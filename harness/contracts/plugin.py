"""What all kinds of plugin have in common: a name, a summary, typed options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, get_args

from pydantic import BaseModel, ConfigDict
from pydantic.fields import FieldInfo

from harness.errors import HarnessError

NEUTRAL: dict[str, Any] = {"neutral": True}
"""``Field(..., json_schema_extra=NEUTRAL)``: figures do not depend on the option, as on the device or the batch size,
or where files lie that :meth:`Plugin.files` names. Paths are that by themselves: what lies there counts."""


def is_neutral(info: FieldInfo) -> bool:
    """Whether figures do not depend on an option."""
    said = info.json_schema_extra
    kinds = (info.annotation, *get_args(info.annotation))
    return Path in kinds or (isinstance(said, dict) and said.get("neutral") is True)


class NoOptions(BaseModel):
    """Base of every ``Options`` class: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Plugin:
    """Base of every plugin class. The first line of its docstring is its summary.

    Attributes
    ----------
    name
        How users call it.
    aliases
        Other names for it.
    default
        Whether commands use it where the user names none of its kind.
    Options
        A pydantic class whose fields, each with a description, users set by ``-o NAME.FIELD=VALUE``.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    default: ClassVar[bool] = False
    Options: ClassVar[type[NoOptions]] = NoOptions

    def __init__(self, options: NoOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    def files(self) -> Sequence[Path]:
        """The weights and data files, or folders of them, that the plugin computes with under its options.

        Asked before anything is loaded. The harness keeps their hashes with the results, so that a run is neither
        resumed nor compared with one that used other files.
        """
        return ()

    def check(self) -> None:
        """Raise ``HarnessError`` where something that it computes with is not there; nothing is loaded for that.

        Asked of all that take part before anything is computed. Unless a plugin knows better: whether each of
        :meth:`files` is there.
        """
        for path in self.files():
            if not Path(path).exists():
                raise HarnessError(f"{path} is not there, which {self.name} computes with; check its options.")

    @classmethod
    def summary(cls) -> str:
        """The first line of the class docstring."""
        doc = (cls.__doc__ or "").strip()
        return doc.splitlines()[0] if doc else ""
