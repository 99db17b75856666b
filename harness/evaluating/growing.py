"""Going on with the run that is in a folder: what of it stays, what is computed again, and what is refused.

A run can grow: by methods, models, modes, metrics and records. Rows of a plugin whose code was changed are computed
again. All else that figures depend on must be the same, or one journal would hold the results of two runs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.contracts.metric import Metric, Need
from harness.contracts.source import Source
from harness.errors import HarnessError
from harness.run.before import Before
from harness.run.header import COMPUTING, Header, PluginFacts
from harness.run.journal_reading import EVALUATION, Rows, differences
from harness.run.measure import measure
from harness.run.measured_again import explained_of
from harness.run.row import Row, image_id, true_edges
from harness.run.select import Selection
from harness.text import writable

_SETTINGS = ("scoring", "seed", "upsampling", "noise", "shard")
_FIGURES = ("numpy", "scipy", "pillow", "scikit_image", "torch", "transformers")  # whose minor releases change them
_BOXES: frozenset[Need] = frozenset({"boxes"})


@dataclass
class Growth:
    """What a start makes of the run that is there. ``said``: what the user must know of it, in sentences.

    ``header``: the journal's from now on.
    """

    before: Before
    header: Header
    selection: Selection
    retry_failed: bool = False
    said: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.before.header is not None:
            update = {name: _both(getattr(self.before.header, name), getattr(self.header, name)) for name in COMPUTING}
            self.header = self.header.model_copy(update=update)

    def keep(self, found: dict[str, Any], rows: Rows) -> Rows:
        """The rows that stay: :class:`harness.run.journal.Journal`'s ``keep``. Raises ``HarnessError`` for two runs."""
        old = self.before.header
        if old is None or found != old.line():
            raise HarnessError("The journal was changed by another run since this one began; start again.")
        if reasons := list(self._hindrances(old)):
            raise HarnessError(
                f"The results in the output folder are of a run with other settings ({'; '.join(reasons)}); give "
                "--fresh to discard them, or another --output."
            )
        self._tell(old)
        stays = self._without_failed(self._of_same_code(old, [Row.read(row) for row in rows]))
        self._same_truths(stays)
        return [row.line() for row in self._with_metrics(old, stays)]

    # -- what must be the same --------------------------------------------------------------------------------------
    def _hindrances(self, old: Header) -> Iterator[str]:
        new = self.header
        for name in _SETTINGS:
            yield from differences(getattr(old, name), getattr(new, name), name)
        if bool(old.named) != bool(new.named):
            yield from differences(old.named, new.named, "records by name")
        for name in _FIGURES:
            if _minor(getattr(old, name)) != _minor(getattr(new, name)):
                yield from differences(getattr(old, name), getattr(new, name), name)
        yield from differences(old.device, new.device, "device")
        if old.shard is not None and old.planned != new.planned:
            yield "a shard's records cannot become more"
        for kind, label, before, after in _pairs(old, new):
            yield from differences(*_options(before, after), f"options of the {kind} {label!r}")
            # Of a model that nobody needed nothing is known.
            known = before.weights and after.weights
            if known and before.identity["weights"] != after.identity["weights"]:
                what = "; ".join(differences(before.weights, after.weights, "weights"))
                yield f"the weights of the {kind} {label!r} are not those that it began with, {what}"

    # -- what is said -----------------------------------------------------------------------------------------------
    def _tell(self, old: Header) -> None:
        new, more = self.header, list[str]()
        for kind in ("model", "attributor"):
            more += [label for label in new.plugins.get(kind, {}) if label not in old.plugins.get(kind, {})]  # type: ignore[call-overload]
        more += [label for label in new.metrics if label not in old.metrics]
        more += [f"{mode} answers" for mode in new.planned if mode not in old.planned]
        if old.planned != new.planned:
            more.append(f"{new.records} records instead of {old.records}")
        if more:
            self.said.append(f"The run that is there grows by {', '.join(more)}.")

    # -- what is computed again -------------------------------------------------------------------------------------
    def _of_same_code(self, old: Header, rows: list[Row]) -> list[Row]:
        """The rows of methods, models and sources whose code is what it was."""
        changed = {
            (kind, label)
            for kind, label, before, after in _pairs(old, self.header)
            if before.identity["code"] != after.identity["code"]
        }
        stays, gone = [], Counter[str]()
        for row in rows:
            about = (("attributor", row.attributor), ("model", row.model), ("source", row.source))
            guilty = next((one for one in about if one in changed), None)
            if guilty is None:
                stays.append(row)
            else:
                gone["the {} {!r}".format(*guilty)] += 1
        for who, count in gone.items():
            self.said.append(
                f"The code of {who} is not what it was: {_results(count)} are computed again. The old ones lie in "
                f"{EVALUATION.aside('replaced')}."
            )
        return stays

    def _without_failed(self, rows: list[Row]) -> list[Row]:
        failed = sum(row.status == "failed" for row in rows)
        if not failed:
            return rows
        if not self.retry_failed:
            self.said.append(f"{_results(failed)} that are there failed; --retry-failed explains them once more.")
            return rows
        self.said.append(f"{_results(failed)} that failed are explained once more.")
        return [row for row in rows if row.status != "failed"]

    def _with_metrics(self, old: Header, rows: list[Row]) -> list[Row]:
        """The rows with the figures of metrics that are new, or whose code was changed; without those rows that only
        explaining again can measure."""
        same = {
            label for kind, label, before, after in _pairs(old, self.header) if kind == "metric"
            and before.identity == after.identity
        }  # fmt: skip
        todo = [one for one in self.selection.metrics if one.label not in same]
        if not todo or not rows:
            return rows
        plugins = {one.label: one.make() for one in todo}
        of_boxes = {label: metric for label, metric in plugins.items() if self._needs_boxes_alone(metric)}
        if len(of_boxes) < len(plugins):
            names = ", ".join(label for label in plugins if label not in of_boxes)
            self.said.append(
                f"{names} cannot be measured from what is kept of a result: {_results(len(rows))} are explained again."
            )
            return []
        self.said.append(f"{', '.join(plugins)}: measured of the {_results(len(rows))} that are there.")
        return [self._measured(row, of_boxes) for row in rows]

    def _needs_boxes_alone(self, metric: Metric) -> bool:
        masked = any(type(source).mask is not Source.mask for source in self.selection.sources.values())
        return metric.needs <= _BOXES and not ("mask" in metric.wants and masked)

    def _measured(self, row: Row, plugins: dict[str, Metric]) -> Row:
        if row.status == "not_applicable":
            return row
        found = measure(plugins, explained_of(row), _BOXES, failed=row.status == "failed")
        figures = {label: figure for label, figure in row.metrics.items() if label not in plugins} | found.metrics
        why = {label: text for label, text in row.unmeasured.items() if label not in plugins} | found.unmeasured
        ordered = {label: figures[label] for label in self.header.metrics if label in figures}
        return row.model_copy(update={"metrics": ordered, "unmeasured": why})

    def _same_truths(self, rows: list[Row]) -> None:
        """Raise ``HarnessError`` where a row is not about what the benchmark and its sources say now."""
        tasks = {task.key: task for task in self.selection.every_task}
        for row in rows:
            task = tasks.get(row.record)
            if (
                task is None
                or row.answer != writable(task.record.prediction)
                or row.image != image_id(task.sample)
                or row.truth != true_edges(task.sample.boxes)
            ):
                raise HarnessError(
                    f"The results in the output folder are not about these records and annotations any more (the "
                    f"first is about sample {row.index} of {row.source!r}); give --fresh to discard them, or another "
                    "--output."
                )


def _pairs(old: Header, new: Header) -> Iterator[tuple[str, str, PluginFacts, PluginFacts]]:
    """The plugins of two headers that take part in both: kind, label, and what either says of it."""
    for kind, before in old.plugins.items():
        after = new.plugins.get(kind, {})
        yield from ((kind, label, before[label], after[label]) for label in before if label in after)
    both = [label for label in old.metrics if label in new.metrics]
    yield from (("metric", label, old.metrics[label], new.metrics[label]) for label in both)


def _options(before: PluginFacts, after: PluginFacts) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of a plugin that must be the same: of code that was changed, those that it had and has."""
    old, new = before.identity["options"], after.identity["options"]
    if before.identity["code"] != after.identity["code"]:
        both = old.keys() & new.keys()
        old, new = ({name: value for name, value in some.items() if name in both} for some in (old, new))
    return old, new


def _minor(version: str | None) -> set[str] | None:
    """The minor releases that a text names: several versions where machines differed."""
    return None if version is None else {".".join(one.split(".")[:2]) for one in version.split(", ")}


def _both(old: str | None, new: str | None) -> str | None:
    """Two versions, or one where they are the same."""
    if old is None or new is None or new in old.split(", "):
        return old if old is not None else new
    return f"{old}, {new}"


def _results(count: int) -> str:
    return "1 result" if count == 1 else f"{count} results"
