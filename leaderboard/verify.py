"""Does a run's folder hold what it claims? Each answer that is no, in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.bench.records import Record, bench_hash, read_records
from harness.contracts.case import RecordKey
from harness.contracts.mode import Mode
from harness.contracts.source import Sample
from harness.defaults import default_bench
from harness.errors import HarnessError
from harness.registry import Registry
from harness.run.header import Header
from harness.run.row import ResultKey, Row, image_id, true_edges
from harness.run.subset import thin
from leaderboard.read.joined import read_runs
from leaderboard.remeasure import Remeasure

_EDGE = 0.01  # pixels; boxes in a row are rounded


@dataclass
class Verification:
    """What was found out about a folder.

    Attributes
    ----------
    wrong
        What is wrong with it: sentences by kind, so that a thousand alike are told as one.
    unchecked
        What could not be checked here, or not exactly, in sentences.
    results
        How many results it holds.
    """

    wrong: dict[str, list[str]] = field(default_factory=dict)
    unchecked: list[str] = field(default_factory=list)
    results: int = 0

    def add(self, kind: str, sentence: str) -> None:
        """One more thing that is wrong."""
        self.wrong.setdefault(kind, []).append(sentence)

    @property
    def sentences(self) -> list[str]:
        """The first of each kind, and how many more there are."""
        return [first if not rest else f"{first} ({len(rest)} more like it.)" for first, *rest in self.wrong.values()]


def verify(folder: Path, registry: Registry, bench: Path | None = None, data_root: Path | None = None) -> Verification:
    """Check a run's folder against itself, the benchmark's records and the sources' annotations.

    Metrics are measured again by the plugins installed here: from the rows, and from kept maps where a metric needs
    them. What a method said is not computed again: only running it again shows that.

    Parameters
    ----------
    folder
        The run's folder; it may be that of all its shards.
    registry
        The plugins.
    bench
        The folder of the benchmark's records; None for the benchmark that ships.
    data_root
        Where sources find their data. The true boxes of a source that is not installed, or whose data are not there,
        are taken as they are, which is said.

    Returns
    -------
    Verification
        What is wrong, and what was not checked. A folder that cannot be read is wrong, and raises nothing.
    """
    found = Verification()
    try:
        runs = read_runs([folder])
    except HarnessError as error:
        found.add("journal", str(error))
        return found
    if len(runs) > 1:
        found.add("journal", f"{folder} holds {len(runs)} runs; keep one, or the shards of one, in a folder.")
        return found
    header, rows = runs[0].header, runs[0].rows
    for note in runs[0].notes:
        found.add("shards", note)
    found.results = len(rows)
    described = header.plugins.get("attributor", {})
    for name in header.attributors:
        if name not in described:
            found.add("unknown", f"The header does not say which plugin the attributor {name!r} is.")
    _once(found, rows)
    again = Remeasure(runs[0], registry)
    for kind, sentence in again.wrong:
        found.add(kind, sentence)
    for number, row in enumerate(rows, 2):
        for kind, fault in [*_outside(row), *again.faults(row)]:
            found.add(kind, f"Line {number}, {_about(row)}: {fault}.")
    found.unchecked += again.unchecked()
    records = _records(found, header, registry, bench)
    _complete(found, header, rows, records)
    _truths(found, header, rows, registry, data_root)
    return found


def _about(row: Row) -> str:
    return f"{row.attributor!r} on sample {row.index} of {row.source!r} ({row.model!r}, {row.mode})"


def _once(found: Verification, rows: list[Row]) -> None:
    seen: dict[ResultKey, int] = {}
    for number, row in enumerate(rows, 2):
        first = seen.setdefault(row.key, number)
        if first != number:
            found.add("twice", f"Lines {first} and {number} are both the result of {_about(row)}.")


def _outside(row: Row) -> list[tuple[str, str]]:
    """Whether what a row marks lies outside its image."""
    if row.size is None:
        return []
    width, height = row.size
    edges = [*row.boxes, *([[*row.peak, *row.peak]] if row.peak else [])]
    if any(min(b) < -_EDGE or max(b[0], b[2]) > width + _EDGE or max(b[1], b[3]) > height + _EDGE for b in edges):
        return [("outside", f"a box or peak lies outside the image: it is {width} x {height} pixels")]
    return []


def _records(
    found: Verification, header: Header, registry: Registry, bench: Path | None
) -> dict[RecordKey, str] | None:
    """The records that the run must have explained, with their texts; None where the benchmark is another."""
    try:
        folder = bench if bench is not None else default_bench(registry)
        records = read_records(folder, list(header.bench))
        hashes = {mode: bench_hash(folder, mode) for mode in records}
    except HarnessError as error:
        found.add("benchmark", f"The benchmark's records cannot be compared: {error}")
        return None
    same = True
    for mode, about in header.bench.items():
        if hashes.get(mode) != about.sha256:
            same = False
            found.add(
                "benchmark",
                f"The {mode} records are not those of {folder}: the journal is of SHA-256 {about.sha256}, "
                f"the file has {hashes.get(mode, 'none')}; give the right folder by --bench.",
            )
    return _expected(header, registry, records) if same else None


def _expected(header: Header, registry: Registry, records: Mapping[Mode, list[Record]]) -> dict[RecordKey, str]:
    groups: dict[tuple[str, Mode], list[Record]] = {}
    for label in header.plugins.get("model", {}):
        name = label.partition("@")[0]  # a variant has its model's records
        try:
            cls = registry.find("model", name)
            called = {cls.name, *cls.aliases}
        except HarnessError:  # not installed here
            called = {name}
        for mode, rows in records.items():
            groups[label, mode] = [record for record in rows if record.model in called]
    if header.limit is not None:
        groups = thin(groups, header.limit)
    return {
        RecordKey(record.dataset, record.index, label, mode): record.prediction
        for (label, mode), chosen in groups.items()
        for record in chosen
    }


def _complete(found: Verification, header: Header, rows: list[Row], records: dict[RecordKey, str] | None) -> None:
    unique = {row.key for row in rows}
    done = Counter((key.mode, key.model, key.attributor) for key in unique)
    for mode, planned in header.planned.items():
        for model, count in planned.items():
            for name in header.attributors:
                if (there := done[mode, model, name]) != count:
                    found.add(
                        "complete",
                        f"The run is not complete: {name!r} has {there} of {count} {mode} results of {model!r}.",
                    )
    if records is None:
        return
    planned_there = Counter((record.mode, record.model) for record in records)
    for mode, planned in header.planned.items():
        for model, count in planned.items():
            if (right := planned_there[mode, model]) != count:
                found.add("planned", f"The header plans {count} {mode} records of {model!r}, it should be {right}.")
    for number, row in enumerate(rows, 2):
        text = records.get(row.record)
        if text is None:
            found.add("record", f"Line {number}, {_about(row)}: that record is not one that the run should explain.")
        elif row.answer != text:
            found.add("answer", f"Line {number}, {_about(row)}: the answer is not the one in the benchmark.")


def _truths(found: Verification, header: Header, rows: list[Row], registry: Registry, data_root: Path | None) -> None:
    """Compare attribute, truth and image with what the sources say."""
    described = header.plugins.get("source", {})
    for name in sorted({row.source for row in rows}):
        mine = [(number, row) for number, row in enumerate(rows, 2) if row.source == name]
        try:
            cls = registry.find("source", name)
            options = described[name].options if name in described else {}
            source = cls(cls.Options.model_validate(options), data_root)
            samples = _samples(source, {row.index for _, row in mine})
        except Exception as error:  # a source is a plugin, and its data may be anywhere
            why = " ".join(str(error).split()).rstrip(".")
            found.unchecked.append(f"The true boxes of {name!r} were taken as they are ({why}).")
            continue
        for number, row in mine:
            sample = samples.get(row.index)
            if sample is None:
                found.add("sample", f"Line {number}, {_about(row)}: {name!r} has no such sample.")
                continue
            pairs: tuple[tuple[str, Any, Any], ...] = (
                ("true boxes", row.truth, true_edges(sample.boxes)),
                ("further true boxes", row.truths, {k: true_edges(b) for k, b in source.truths(sample).items()}),
                ("true concepts", row.true_concepts, list(sample.concepts)),
                ("attribute", row.attribute, sample.attribute),
                ("image", row.image, image_id(sample)),
            )
            for what, claimed, right in pairs:
                if claimed != right:
                    found.add(what, f"Line {number}, {_about(row)}: its {what} and the source's are not the same.")


def _samples(source: Any, indices: set[int]) -> dict[int, Sample]:
    found: dict[int, Sample] = {}
    for sample in source.samples():
        if sample.index in indices:
            found[sample.index] = sample
        if len(found) == len(indices):
            break
    return found
