"""Measuring the results of a run again, by the metrics installed here, to tell whether its figures are what they claim.

A metric of boxes is measured from the rows, one of maps from those that the run kept. One that needs the model or used
the source's masks is not measured again, and one that is not installed here neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.contracts.attributor import Attribution
from harness.contracts.metric import Metric, Need
from harness.errors import HarnessError
from harness.participants import Participant
from harness.registry import Registry
from harness.run.measure import DECIMALS, measure
from harness.run.measured_again import explained_of
from harness.run.row import Row
from leaderboard import kept_maps
from leaderboard.read.joined import Run
from leaderboard.rescore import has_masks
from leaderboard.verifying.from_maps import faults_of_map
from leaderboard.verifying.plugins import Installed

_SLACK = 1.5 * 10**-DECIMALS
_SLACK_OF_MAPS = 0.005  # kept maps are rounded to 11 bits
_RECOMPUTED: frozenset[Need] = frozenset({"boxes", "map"})
Fault = tuple[str, str]  # a kind, and what is wrong, in words


@dataclass(frozen=True)
class _Again:
    """A metric to measure again. ``slack``: by how much figures may differ."""

    metric: Metric
    of_maps: bool
    slack: float


class Remeasure:
    """Measures a run's results again, by those of its metrics that are installed here."""

    def __init__(self, run: Run, registry: Registry, installed: Installed) -> None:
        self._folders = run.folders
        self._masked = sorted({row.source for row in run.rows if has_masks(registry, row.source)})
        self._again: dict[str, _Again] = {}
        self._why_not: dict[str, str] = {}
        self._without_map = Counter[str]()
        self._maps = 0
        for label in run.header.metrics:
            one = installed.get(("metric", label))
            if one is None:
                self._why_not[label] = "it is not installed here, or not so"
            else:
                self._add(label, one, label in run.rescored)

    def _add(self, label: str, one: Participant[Metric], rescored: bool) -> None:
        """Prepare a metric, or note why not."""
        missing = [need for need in ("model", "mask") if need in one.cls.needs]
        if missing:
            what = {"model": "the model", "mask": "the source's masks"}
            self._why_not[label] = f"it needs {' and '.join(what[need] for need in missing)}"
            return
        if "mask" in one.cls.wants and self._masked and not rescored:
            self._why_not[label] = f"it used the masks of {', '.join(self._masked)}"
            return
        of_maps = "map" in one.cls.needs
        try:
            metric = one.make()
        except HarnessError as error:
            self._why_not[label] = str(error).rstrip(".")
            return
        self._again[label] = _Again(metric, of_maps, _SLACK_OF_MAPS if of_maps and not rescored else _SLACK)

    def unchecked(self, metrics: Collection[str]) -> list[str]:
        """What of these metrics was not measured again, or not exactly, in sentences; complete once all rows were gone
        through."""
        said = []
        reasons: dict[str, list[str]] = {}
        for label, why in self._why_not.items():
            if label in metrics:
                reasons.setdefault(why, []).append(label)
        for why, labels in reasons.items():
            said.append(f"The figures of {', '.join(labels)} were taken as they are ({why}).")
        for label, count in self._without_map.items():
            if label not in metrics:
                continue
            which = "1 result" if count == 1 else f"{count} results"
            said.append(f"The figures of {label} for {which} were taken as they are (no map was kept).")
        exact = [label for label, one in self._again.items() if label in metrics and one.slack == _SLACK_OF_MAPS]
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
        if row.status == "ok":
            try:
                said = self._kept(row)
            except HarnessError as error:
                yield "map", str(error).rstrip(".")
            if said is not None:
                yield from faults_of_map(row, said)
            else:
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
