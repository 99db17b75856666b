"""Measuring the results of a run again, by the metrics installed here, to tell whether its figures are what they claim.

A metric of boxes is measured from the rows, one of maps from those that the run kept. One that needs the model or used
the source's masks is not measured again, and one that is not installed here neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from harness.contracts.attributor import Attribution
from harness.contracts.metric import Metric, Need
from harness.errors import HarnessError
from harness.participants import Participant, labelled
from harness.registry import Registry
from harness.run.header import MetricFacts
from harness.run.line import field_fault
from harness.run.measure import DECIMALS, measure
from harness.run.measured_again import explained_of
from harness.run.provenance import describe_metric
from harness.run.row import Row
from leaderboard import kept_maps
from leaderboard.read.joined import Run
from leaderboard.rescore import has_masks

_SLACK = 1.5 * 10**-DECIMALS
_SLACK_OF_MAPS = 0.005  # kept maps are rounded to 11 bits
_RECOMPUTED: frozenset[Need] = frozenset({"boxes", "map"})
# What a header says of a metric that its plugin says too.
_CLAIMS = ("worst", "higher_is_better", "percent", "needs")
Fault = tuple[str, str]  # a kind, and what is wrong, in words


@dataclass(frozen=True)
class _Again:
    """A metric to measure again. ``slack``: by how much figures may differ."""

    metric: Metric
    of_maps: bool
    slack: float


class Remeasure:
    """Measures a run's results again. ``wrong``: what is wrong with what its header says of metrics."""

    def __init__(self, run: Run, registry: Registry) -> None:
        self.wrong: list[Fault] = []
        self._folders = run.folders
        self._masked = sorted({row.source for row in run.rows if has_masks(registry, row.source)})
        self._again: dict[str, _Again] = {}
        self._why_not: dict[str, str] = {}
        self._without_map = Counter[str]()
        self._maps = 0
        for label, facts in run.header.metrics.items():
            try:
                self._add(label, facts, registry, label in run.rescored)
            except HarnessError as error:
                self._why_not[label] = str(error).rstrip(".")

    def _add(self, label: str, facts: MetricFacts, registry: Registry, rescored: bool) -> None:
        """Prepare a metric, or note why not. Raises ``HarnessError`` where it is not installed, or not so."""
        _, cls = labelled(registry, "metric", label)
        try:
            options = cls.Options.model_validate(facts.options)
        except ValidationError as error:
            raise HarnessError(f"its options do not fit the installed plugin: {field_fault(error)}") from error
        one: Participant[Metric] = Participant("metric", label, cls, options)  # type: ignore[arg-type]
        right = MetricFacts.model_validate(describe_metric(registry, one))
        for name in _CLAIMS:
            if (said := getattr(facts, name)) != (truly := getattr(right, name)):
                claim = f"the header says {name} is {said}, and the metric {label!r} of {_origin(right)} has {truly}"
                self.wrong.append(("metric", f"{claim[0].upper()}{claim[1:]}."))
        missing = [need for need in ("model", "mask") if need in one.cls.needs]
        if missing:
            what = {"model": "the model", "mask": "the source's masks"}
            self._why_not[label] = f"it needs {' and '.join(what[need] for need in missing)}"
            return
        if "mask" in one.cls.wants and self._masked and not rescored:
            self._why_not[label] = f"it used the masks of {', '.join(self._masked)}"
            return
        of_maps = "map" in one.cls.needs
        self._again[label] = _Again(one.make(), of_maps, _SLACK_OF_MAPS if of_maps and not rescored else _SLACK)
        if _origin(facts) != _origin(right):
            self._why_not[label] = f"they are of {_origin(facts)}, and were measured again by {_origin(right)}"

    def unchecked(self) -> list[str]:
        """What was not measured again, or not exactly, in sentences; complete once all rows were gone through."""
        said = []
        for label, why in self._why_not.items():
            how = "were measured again by another version" if label in self._again else "were taken as they are"
            said.append(f"The figures of the metric {label!r} {how} ({why}).")
        for label, count in self._without_map.items():
            which = "1 result" if count == 1 else f"{count} results"
            said.append(f"The figures of the metric {label!r} for {which} were taken as they are (no map was kept).")
        exact = [label for label, again in self._again.items() if again.slack == _SLACK_OF_MAPS]
        if exact and self._maps:
            said.append(
                f"Kept maps are rounded: figures of {', '.join(map(repr, exact))} may differ by {_SLACK_OF_MAPS:g}, or "
                "that part of them."
            )
        return said

    def faults(self, row: Row) -> Iterator[Fault]:
        """What of a row's figures does not follow from the rest of it."""
        if row.status == "not_applicable":
            if row.metrics or row.unmeasured:
                yield "not applicable", "it is not applicable and yet has figures"
            return
        said: Attribution | None = None
        metrics = dict(self._again)
        if row.status == "ok" and any(again.of_maps for again in metrics.values()):
            try:
                said = self._kept(row)
            except HarnessError as error:
                yield "map", str(error).rstrip(".")
            if said is None:
                self._without_map.update(name for name, again in metrics.items() if again.of_maps)
                metrics = {name: again for name, again in metrics.items() if not again.of_maps}
        try:
            explained = explained_of(row, said)
        except TypeError:
            yield "truth", "its true boxes are not usable: an edge is no number"
            return
        plugins = {name: again.metric for name, again in metrics.items()}
        found = measure(plugins, explained, _RECOMPUTED, failed=row.status == "failed")
        for name, again in metrics.items():
            if fault := _fault(row, name, again.slack, found.metrics, found.unmeasured):
                yield name, fault

    def _kept(self, row: Row) -> Attribution | None:
        """What was kept of a result. Raises ``HarnessError`` where it cannot be read."""
        folder: Path
        for folder in self._folders:
            if kept_maps.map_path(folder, row.key).is_file():
                self._maps += 1
                return kept_maps.read_map(folder, row)
        return None


def _fault(
    row: Row, name: str, slack: float, metrics: dict[str, float | None], unmeasured: dict[str, str]
) -> str | None:
    """What is wrong with one figure of a row, in words."""
    if name in unmeasured:
        if name in row.unmeasured:
            return None
        return f"its {name} cannot be measured again: {unmeasured[name]}"
    if name not in metrics:
        return f"it has a figure of {name}, which does not apply to it" if name in row.metrics else None
    right = "none" if metrics[name] is None else f"{metrics[name]:.{DECIMALS}f}"
    if name not in row.metrics:
        return f"its {name} is missing, and what it marks gives {right}"
    claimed, truly = row.metrics[name], metrics[name]
    if claimed is None or truly is None:
        same = claimed is truly
    else:
        same = abs(claimed - truly) <= max(slack, slack * abs(truly))
    if same:
        return None
    if row.status == "failed":
        return f"the claimed {name} is not that of a failed result: {claimed}, but it counts as {right}"
    return f"the claimed {name} is not that of what it marks: {claimed}, but that gives {right}"


def _origin(facts: MetricFacts) -> str:
    return f"{facts.distribution} {facts.version}"
