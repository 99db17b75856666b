"""Does a run's folder hold what it claims? Each answer that is no, in one sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.bench.records import Record, bench_hash, read_records
from harness.contracts.mode import Mode
from harness.contracts.source import Sample
from harness.errors import HarnessError
from harness.imaging.frame import to_boxes
from harness.imaging.overlap import Overlap, overlap
from harness.registry import Registry
from harness.run.case import DECIMALS
from harness.run.journal import Key, key_of
from harness.run.select import default_bench, thin
from harness.run.worker import image_id
from leaderboard.read.runs import Row, record_of
from leaderboard.read.shards import missing_shards, read

_FIGURES = ("iou", "precision", "recall", "f1")
_SLACK = 1.5 * 10**-DECIMALS
_EDGE = 0.01  # pixels; boxes in a row are rounded
RecordId = tuple[str, str, str, int]


@dataclass
class Verdict:
    """What is wrong with a folder: sentences by kind, so that a thousand alike are told as one; and what
    could not be checked here."""

    wrong: dict[str, list[str]] = field(default_factory=dict)
    unchecked: list[str] = field(default_factory=list)
    results: int = 0

    def add(self, kind: str, sentence: str) -> None:
        """One more thing that is wrong."""
        self.wrong.setdefault(kind, []).append(sentence)

    @property
    def sentences(self) -> list[str]:
        """The first of each kind, and how many more there are."""
        return [
            first if not rest else f"{first} ({len(rest)} more like it.)" for first, *rest in self.wrong.values()
        ]


def verify(
    folder: Path, registry: Registry, bench: Path | None = None, data_root: Path | None = None
) -> Verdict:
    """Check a run's folder against itself, the benchmark's records and the sources' annotations.

    The folder may be that of all its shards. ``bench``: None for the benchmark that ships. ``data_root``: where
    sources find their data; the true boxes of a source that is not installed, or whose data are not there, are taken
    as they are, and the verdict says so. What a method said is not computed again: only running it again shows that.
    """
    verdict = Verdict()
    try:
        runs = read([folder])
    except HarnessError as error:
        verdict.add("shape", str(error))
        return verdict
    if len(runs) > 1:
        verdict.add("shape", f"{folder} holds {len(runs)} runs; keep one, or the shards of one, in a folder.")
        return verdict
    header, rows = runs[0].header, runs[0].rows
    if runs[0].missing:
        verdict.add("shards", missing_shards(runs[0]))
    verdict.results = len(rows)
    described = header["plugins"].get("attributor", {})
    for name in header["attributors"]:
        if name not in described:
            verdict.add("unknown", f"The header does not say which plugin the attributor {name!r} is.")
    _once(verdict, rows)
    for number, row in enumerate(rows, 2):
        for sentence in _row_faults(row):
            verdict.add(sentence.split(":")[0], f"Line {number}, {_about(row)}: {sentence}.")
    records = _records(verdict, header, registry, bench)
    _complete(verdict, header, rows, records)
    _truths(verdict, header, rows, registry, data_root)
    return verdict


def _about(row: Row) -> str:
    return f"{row['attributor']!r} on sample {row['index']} of {row['source']!r} ({row['model']!r}, {row['mode']})"


def _once(verdict: Verdict, rows: list[Row]) -> None:
    seen: dict[Key, int] = {}
    for number, row in enumerate(rows, 2):
        first = seen.setdefault(key_of(row), number)
        if first != number:
            verdict.add("twice", f"Lines {first} and {number} are both the result of {_about(row)}.")


def _row_faults(row: Row) -> Iterator[str]:
    """What of a row does not follow from its boxes and truth; the words before a colon name the kind."""
    boxes = row.get("boxes")
    if boxes is None:
        yield "it has no boxes to compute its figures from"
        return
    claimed = [row[name] for name in _FIGURES]
    if row["status"] == "not_applicable":
        if boxes or any(figure is not None for figure in claimed):
            yield "it is not applicable and yet has boxes or figures"
        return
    if row["status"] == "failed":
        if boxes or any(claimed):
            yield "it failed and yet has boxes or figures"
        return
    try:
        truth = to_boxes(row["truth"])
        if row.get("size"):
            truth = tuple(box.clip(*row["size"]) for box in truth)
        found = overlap(to_boxes(boxes), truth) if boxes else Overlap()
    except (TypeError, ValueError) as error:
        yield f"its true boxes are not usable: {error}"
        return
    for name, figure in zip(_FIGURES, claimed, strict=True):
        right = getattr(found, name)
        if abs(right - figure) > _SLACK:
            yield f"the claimed {name} is not that of its boxes: {figure}, but they give {right:.{DECIMALS}f}"
    if row.get("size"):
        width, height = row["size"]
        edges = [*boxes, *([[*row["peak"], *row["peak"]]] if row.get("peak") else [])]
        if any(min(b) < -_EDGE or max(b[0], b[2]) > width + _EDGE or max(b[1], b[3]) > height + _EDGE for b in edges):
            yield f"a box or peak lies outside the image: it is {width} x {height} pixels"


def _records(verdict: Verdict, header: Row, registry: Registry, bench: Path | None) -> dict[RecordId, str] | None:
    """The records that the run must have explained, with their texts; None where the benchmark is another."""
    try:
        folder = bench if bench is not None else default_bench(registry)
        modes: list[Mode] = list(header["bench"])
        records = read_records(folder, modes)
        hashes = {mode: bench_hash(folder, mode) for mode in records}
    except HarnessError as error:
        verdict.add("benchmark", f"The benchmark's records cannot be compared: {error}")
        return None
    same = True
    for mode, about in header["bench"].items():
        if hashes.get(mode) != about["sha256"]:
            same = False
            verdict.add(
                "benchmark",
                f"The {mode} records are not those of {folder}: the journal is of SHA-256 {about['sha256']}, "
                f"the file has {hashes.get(mode, 'none')}; give the right folder by --bench.",
            )
    return _expected(header, registry, records) if same else None


def _expected(header: Row, registry: Registry, records: Mapping[Mode, list[Record]]) -> dict[RecordId, str]:
    groups: dict[tuple[str, Mode], list[Record]] = {}
    for name in header["plugins"].get("model", {}):
        try:
            cls = registry.find("model", name)
            called = {cls.name, *cls.aliases}
        except HarnessError:  # not installed here
            called = {name}
        for mode, rows in records.items():
            groups[name, mode] = [record for record in rows if record.model in called]
    if header["limit"] is not None:
        groups = thin(groups, header["limit"])
    return {
        (mode, name, record.dataset, record.index): record.prediction
        for (name, mode), chosen in groups.items()
        for record in chosen
    }


def _complete(verdict: Verdict, header: Row, rows: list[Row], records: dict[RecordId, str] | None) -> None:
    unique = {key_of(row): row for row in rows}.values()
    done = Counter((row["mode"], row["model"], row["attributor"]) for row in unique)
    for mode, planned in header["planned"].items():
        for model, count in planned.items():
            for name in header["attributors"]:
                if (there := done[mode, model, name]) != count:
                    verdict.add(
                        "complete",
                        f"The run is not complete: {name!r} has {there} of {count} {mode} results of {model!r}.",
                    )
    if records is None:
        return
    planned_there = Counter(record[:2] for record in records)
    for mode, planned in header["planned"].items():
        for model, count in planned.items():
            if planned_there[mode, model] != count:
                right = planned_there[mode, model]
                verdict.add("planned", f"The header plans {count} {mode} records of {model!r}, it should be {right}.")
    for number, row in enumerate(rows, 2):
        text = records.get(record_of(row))
        if text is None:
            verdict.add("record", f"Line {number}, {_about(row)}: that record is not one that the run should explain.")
        elif row.get("answer") != text:
            verdict.add("answer", f"Line {number}, {_about(row)}: the answer is not the one in the benchmark.")


def _truths(verdict: Verdict, header: Row, rows: list[Row], registry: Registry, data_root: Path | None) -> None:
    """Compare attribute, truth and image with what the sources say."""
    options = header["plugins"].get("source", {})
    for name in sorted({row["source"] for row in rows}):
        mine = [(number, row) for number, row in enumerate(rows, 2) if row["source"] == name]
        try:
            cls = registry.find("source", name)
            chosen = cls.Options.model_validate(options.get(name, {}).get("options", {}))
            samples = _samples(cls(chosen, data_root), {row["index"] for _, row in mine})
        except Exception as error:  # a source is a plugin, and its data may be anywhere
            why = " ".join(str(error).split()).rstrip(".")
            verdict.unchecked.append(f"The true boxes of {name!r} were taken as they are ({why}).")
            continue
        for number, row in mine:
            sample = samples.get(row["index"])
            if sample is None:
                verdict.add("sample", f"Line {number}: {name!r} has no sample {row['index']}.")
                continue
            truth = [[float(edge) for edge in box] for box in sample.boxes]
            pairs = (
                ("true boxes", row["truth"], truth),
                ("true concept", row["concept_truth"], sample.concept),
                ("attribute", row.get("attribute"), sample.attribute),
                ("image", row.get("image", image_id(sample)), image_id(sample)),
            )
            for what, claimed, right in pairs:
                if claimed != right:
                    verdict.add(what, f"Line {number}, {_about(row)}: its {what} and the source's are not the same.")


def _samples(source: object, indices: set[int]) -> dict[int, Sample]:
    found: dict[int, Sample] = {}
    for sample in source.samples():  # type: ignore[attr-defined]
        if sample.index in indices:
            found[sample.index] = sample
        if len(found) == len(indices):
            break
    return found
