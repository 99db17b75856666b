"""Measuring finished results by further metrics, from what their run kept, without a model."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from harness.contracts.metric import Metric
from harness.contracts.source import Source
from harness.errors import HarnessError
from harness.participants import Participant, choose
from harness.registry import Registry
from harness.run.header import MetricFacts
from harness.run.measure import Measured, measure
from harness.run.measured_again import explained_of
from harness.run.provenance import describe_metric
from harness.run.results import Results
from harness.run.row import Row
from leaderboard import kept_maps
from leaderboard.read.rescored import read_measured, write_rescored


def rescore(registry: Registry, folder: Path, metrics: Sequence[str], options: Sequence[str] = ()) -> list[Path]:
    """Measure every result of a folder by further metrics; boards and verify then have them as if they had been
    measured in the run. Metrics that would use a source's masks are measured from the true boxes, which boards say.

    Parameters
    ----------
    registry
        The plugins to choose from.
    folder
        A run's folder; one of shards is given shard by shard.
    metrics
        Labels of metrics.
    options
        ``NAME.FIELD=VALUE``, for the metrics.

    Returns
    -------
    list of Path
        A file for each metric, in the folder.

    Raises
    ------
    HarnessError
        For an unknown metric, one that needs the model or was measured already, and where a metric needs maps that
        the run did not keep.
    """
    results = read_measured(folder)
    chosen: list[Participant[Metric]] = choose(registry, options, [("metric", name) for name in metrics])
    if not chosen:
        raise HarnessError("Say what to measure by --metric NAME; `harness plugins` lists the metrics.")
    for one in chosen:
        if one.label in results.header.metrics and one.label not in results.rescored:
            raise HarnessError(f"{folder} has the metric {one.label!r} already, from its run.")
        for need, why in (
            ("model", "needs the model"),
            ("mask", "needs the sources' masks"),
        ):
            if need in one.cls.needs:
                raise HarnessError(
                    f"The metric {one.label!r} {why}, which a finished run does not have; measure it in a run, by "
                    f"`harness eval --metric {one.label}`."
                )
    return [_add(registry, results, one) for one in chosen]


def _add(registry: Registry, results: Results, one: Participant[Metric]) -> Path:
    about = MetricFacts.model_validate(describe_metric(registry, one))
    about = with_mask_note(registry, {row.source for row in results.rows}, one, about)
    metric = one.make()
    measured = [(row, _measured(results.folder, row, one.label, metric)) for row in results.rows]
    return write_rescored(results, one.label, about, measured)


def with_mask_note(
    registry: Registry, sources: Collection[str], one: Participant[Metric], about: MetricFacts
) -> MetricFacts:
    """What is said of a metric, with a note where it would have used the masks of these sources."""
    masked = sorted(source for source in sources if has_masks(registry, source))
    if not masked or "mask" not in one.cls.wants:
        return about
    note = f"measured from the true boxes: a finished run has no masks, which {', '.join(masked)} would give."
    return about.model_copy(update={"notes": [*about.notes, f"{one.cls.title} ({one.label}) was {note}"]})


def has_masks(registry: Registry, source: str) -> bool:
    """Whether a source knows true pixels; of one that is not installed that is taken for granted."""
    try:
        return bool(registry.find("source", source).mask is not Source.mask)
    except HarnessError:
        return True


def _measured(folder: Path, row: Row, label: str, metric: Metric) -> Measured:
    if row.status == "not_applicable":
        return Measured()
    said = kept_maps.read_map(folder, row) if "map" in metric.needs and row.status == "ok" else None
    return measure({label: metric}, explained_of(row, said), {"boxes", "map"}, failed=row.status == "failed")
