"""What all four kinds of plugin class have in common: a name, a summary, typed options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class NoOptions(BaseModel):
    """Base of every ``Options`` class: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Plugin:
    """Base of models, editors, attributors and sources.

    Subclasses set ``name`` (how users call it), may set ``aliases``, and may define an inner pydantic class
    ``Options(NoOptions)`` whose fields, each with a description, users set by ``-o NAME.FIELD=VALUE``.
    The first line of the class docstring is its summary.
    """

    name: ClassVar[str]
    aliases: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[NoOptions]] = NoOptions

    def __init__(self, options: NoOptions | None = None) -> None:
        self.options = options if options is not None else self.Options()

    def files(self) -> Sequence[Path]:
        """The weights and data files, or folders of them, that the plugin as it is set computes with.

        Asked before anything is loaded. The harness keeps their hashes with the results
        (:mod:`harness.run.weights`), so that a run is not resumed, nor compared, with others. Options that are paths
        need not be listed for their names' sake, only where what the files hold matters.
        """
        return ()

    @classmethod
    def summary(cls) -> str:
        """The first line of the class docstring."""
        doc = (cls.__doc__ or "").strip()
        return doc.splitlines()[0] if doc else ""
