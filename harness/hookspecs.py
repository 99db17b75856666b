"""The hooks that a plugin may implement. A plugin is a module named by an entry point of group ``harness``.

Each hook returns plain classes; the class carries its own ``name``, ``aliases``, docstring and ``Options``.
Keep heavy imports (torch, transformers) inside methods, so that listing the plugins stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from harness.contracts.attributor import Attributor
    from harness.contracts.editor import Editor
    from harness.contracts.executor import Executor
    from harness.contracts.metric import Metric
    from harness.contracts.model import Model
    from harness.contracts.observer import Observer
    from harness.contracts.source import Source

PROJECT = "harness"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def models() -> Sequence[type[Model]]:  # type: ignore[empty-body]
    """Vision-language models, as subclasses of :class:`harness.contracts.model.Model`."""


@hookspec
def editors() -> Sequence[type[Editor]]:  # type: ignore[empty-body]
    """Counterfactual image editors, as subclasses of :class:`harness.contracts.editor.Editor`."""


@hookspec
def attributors() -> Sequence[type[Attributor]]:  # type: ignore[empty-body]
    """Attribution methods, as subclasses of :class:`harness.contracts.attributor.Attributor`."""


@hookspec
def sources() -> Sequence[type[Source]]:  # type: ignore[empty-body]
    """Sources of annotated images, as subclasses of :class:`harness.contracts.source.Source`."""


@hookspec
def metrics() -> Sequence[type[Metric]]:  # type: ignore[empty-body]
    """What results are measured by, as subclasses of :class:`harness.contracts.metric.Metric`."""


@hookspec
def observers() -> Sequence[type[Observer]]:  # type: ignore[empty-body]
    """What keeps files of explanations, as subclasses of :class:`harness.contracts.observer.Observer`."""


@hookspec
def executors() -> Sequence[type[Executor]]:  # type: ignore[empty-body]
    """Who does the work of a run, as subclasses of :class:`harness.contracts.executor.Executor`."""


# The life of a run. Each hook gets copies: nothing that it does to them reaches the journal. One that raises is
# reported and hinders neither the run nor another plugin.


@hookspec
def run_started(folder: Path, header: Mapping[str, Any], done: int, console: Any) -> None:
    """An evaluation begins. ``header`` is its journal's; ``done`` rows are there from an earlier start of the run."""


@hookspec
def sample_scored(folder: Path, row: Mapping[str, Any], console: Any) -> None:
    """One (sample, model, mode, attributor) was journalled as ``row``, failed and not applicable ones too."""


@hookspec
def run_finished(folder: Path, console: Any) -> None:
    """An evaluation ended; ``folder`` holds its journal, ``console`` is the :class:`rich.console.Console`.

    What is no result of it belongs to where ``harness.text.beside(console)`` writes, as "Written to ..." does.
    """


@hookspec(firstresult=True)
def board(folders: Sequence[Path]) -> Any:
    """The leaderboard of the runs in these folders, as an object that a notebook shows (``_repr_html_``).

    Asked for by :meth:`harness.api.Evaluation.board`. May raise ``HarnessError``. The first plugin that has one wins.
    """
