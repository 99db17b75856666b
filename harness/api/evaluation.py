"""``harness.evaluate``: rate attribution methods, and what that gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.api.given import Given, as_settings, labels, signature_with
from harness.errors import HarnessError
from harness.flags import prepare
from harness.registry import Registry
from harness.run.settings import RunSettings

if TYPE_CHECKING:
    import pandas
    from rich.console import Console

    from harness.run.header import Header
    from harness.run.row import Row


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation:
    """A run of :func:`evaluate`, finished or interrupted, with the results of earlier starts of the same run.

    A notebook shows it as the leaderboard.

    Attributes
    ----------
    folder
        Where the journal is.
    header
        What the run depends on.
    rows
        A :class:`harness.run.row.Row` for each (record, attributor).
    total
        How many rows there are when the run is finished.
    interrupted
        Whether it was ended by Ctrl-C.
    registry
        The plugins that it chose from.
    """

    folder: Path
    header: Header
    rows: list[Row]
    total: int
    interrupted: bool
    registry: Registry

    @property
    def failed(self) -> int:
        """How many results failed; each counts as the worst."""
        return sum(row.status == "failed" for row in self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with a line a row, and a column for each metric. Figures are missing where there are none."""
        import pandas

        lines = [row.line() for row in self.rows]
        return pandas.DataFrame([{**line.pop("metrics"), **line} for line in lines])

    def board(self) -> Any:
        """The leaderboard of the run; it shows itself in a notebook and by ``print``.

        Raises ``HarnessError`` where nothing is finished, or no plugin makes leaderboards.
        """
        return self.registry.board([self.folder])

    def __repr__(self) -> str:
        ended = ", interrupted" if self.interrupted else ""
        return f"<Evaluation in {self.folder}: {len(self.rows)} of {self.total} results, {self.failed} failed{ended}>"

    def _repr_html_(self) -> str | None:
        """What a notebook shows; None for the plain text."""
        try:
            shown: str | None = self.board()._repr_html_()
        except (HarnessError, AttributeError):
            return None
        return shown


def evaluate(
    attributors: Given = [],  # noqa: B006
    models: Given = [],  # noqa: B006
    *,
    registry: Registry | None = None,
    console: Console | None = None,
    **settings: Any,
) -> Evaluation:
    """Rate attribution methods on a benchmark: ``harness eval`` as a function, with the same settings and defaults.

    Parameters
    ----------
    attributors, models
        Names (or ``NAME@VARIANT``), classes of your own, or plugins in memory; one, a list, or a dictionary from
        ``NAME@VARIANT`` to class or plugin. No models for all that the benchmark has records of.
    registry
        The plugins to choose from; None for the installed ones.
    console
        Where progress and the tables are printed; None for progress alone, on stderr.
    **settings
        All other fields of :class:`harness.run.settings.RunSettings`, as ``modes``, ``bench``, ``limit``, ``shard``,
        ``executor``; ``options`` may be a dictionary, ``{"medfocus.tau": 0.5}``.

    Returns
    -------
    Evaluation
        The run, with all its rows.

    Raises
    ------
    HarnessError
        For what can be put right: unknown names, bad options, missing files.

    Notes
    -----
    The provenance of a class that is not installed is a digest of its source text, so that a class that you edited
    does not go on with the results of its former self. Functions outside the class are not part of it.
    """
    from rich.console import Console

    from harness.evaluating import loop
    from harness.run.results import read_results

    registry = registry if registry is not None else Registry.discover()
    values = as_settings(settings)
    for name in ("metrics", "observers", "executor"):
        if name in values and values[name] is not None:
            given = labels(registry, name.removesuffix("s"), values[name])  # type: ignore[arg-type]
            values[name] = given[0] if name == "executor" else given
    chosen = RunSettings.of(
        {
            "attributors": labels(registry, "attributor", attributors),
            "models": labels(registry, "model", models),
            **values,
        }
    )
    prepare(chosen.threads, chosen.cache)
    ended = loop.run(registry, chosen, console or Console(stderr=True))
    if ended.finished:  # plugins write their reports, beside the journal
        registry.run_finished(ended.folder, console or Console(quiet=True))
    results = read_results(ended.folder)
    return Evaluation(ended.folder, results.header, results.rows, ended.total, ended.interrupted, registry)


evaluate.__signature__ = signature_with(evaluate, RunSettings)  # type: ignore[attr-defined]
