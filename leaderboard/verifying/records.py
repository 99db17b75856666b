"""The records that a run must have explained: those of its benchmark, as its header chooses among them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.bench.records import Record, bench_hash, read_records
from harness.contracts.case import RecordKey
from harness.contracts.mode import Mode
from harness.defaults import bench_folder
from harness.errors import HarnessError
from harness.registry import Registry
from harness.run.header import Header
from harness.run.row import Row
from harness.run.subset import thin
from harness.text import writable
from leaderboard.verifying.found import Verification, about


@dataclass(frozen=True)
class Expected:
    """What a run must have explained.

    ``answers``: the recorded answer by record; ``datasets``: the samples that they are about, by the name that the
    records have for a source; ``available``: how many records there are before the limit.
    """

    answers: dict[RecordKey, str]
    datasets: dict[str, set[int]]
    available: int


def expected_of(found: Verification, header: Header, registry: Registry, bench: Path | None) -> Expected | None:
    """What the run must have explained; None where the benchmark is another, which is said."""
    try:
        folder = bench_folder(registry, bench)
        records = read_records(folder, list(header.bench))
        hashes = {mode: bench_hash(folder, mode) for mode in records}
    except HarnessError as error:
        found.add("benchmark", f"The benchmark's records cannot be compared: {error}")
        return None
    same = True
    for mode, facts in header.bench.items():
        if hashes.get(mode) != facts.sha256:
            same = False
            found.add(
                "benchmark",
                f"The {mode} records are not those of {folder}: the journal is of SHA-256 {facts.sha256}, "
                f"the file has {hashes.get(mode, 'none')}; give the right folder by --bench.",
            )
        elif facts.records != len(records[mode]):
            found.add(
                "benchmark",
                f"The header says that there are {facts.records} {mode} records, there are {len(records[mode])}.",
            )
    expected = _expected(header, registry, records) if same else None
    if same and expected is None:
        found.leave("Which records it should explain was not checked: a model's have a name that nobody here knows.")
    return expected


def _expected(header: Header, registry: Registry, records: Mapping[Mode, list[Record]]) -> Expected | None:
    """None where a model is not installed, and the records do not call it by its name."""
    groups: dict[tuple[str, Mode], list[Record]] = {}
    for label in header.plugins.get("model", {}):
        called = _names(registry, label.partition("@")[0])  # a variant has its model's records
        for mode, rows in records.items():
            groups[label, mode] = [record for record in rows if record.model in called]
        if not any(groups[label, mode] for mode in records):
            return None
    available = sum(map(len, groups.values()))
    if header.named:
        groups = {
            name: [record for record in rows if f"{record.dataset}:{record.index}" in header.named]
            for name, rows in groups.items()
        }
    elif header.limit is not None:
        groups = thin(groups, header.limit)
    answers: dict[RecordKey, str] = {}
    datasets: dict[str, set[int]] = {}
    for (label, mode), chosen in groups.items():
        for record in chosen:
            answers[RecordKey(home_of(registry, record.dataset), record.index, label, mode)] = record.prediction
            datasets.setdefault(record.dataset, set()).add(record.index)
    return Expected(answers, datasets, available)


def _names(registry: Registry, name: str) -> set[str]:
    try:
        cls = registry.find("model", name)
    except HarnessError:  # not installed here
        return {name}
    return {cls.name, *cls.aliases}


def home_of(registry: Registry, dataset: str) -> str:
    """The name of the source that records call so."""
    try:
        return str(registry.find("source", dataset).name)
    except HarnessError:  # not installed here
        return dataset


def check_records(found: Verification, header: Header, rows: list[Row], expected: Expected | None) -> None:
    """Whether every result is there, and none that should not be."""
    done = Counter((key.mode, key.model, key.attributor) for key in {row.key for row in rows})
    for mode, planned in header.planned.items():
        for model, count in planned.items():
            for name in header.attributors:
                if (there := done[mode, model, name]) != count:
                    found.add(
                        "complete",
                        f"The run is not complete: {name!r} has {there} of {count} {mode} results of {model!r}.",
                    )
    if expected is None:
        return
    if header.available != expected.available:
        found.add(
            "available",
            f"The header says that there are {header.available} records before the limit, it should be "
            f"{expected.available}.",
        )
    right = Counter((record.mode, record.model) for record in expected.answers)
    for mode, planned in header.planned.items():
        for model, count in planned.items():
            if (rightly := right[mode, model]) != count:
                sentence = f"The header plans {count} {mode} records of {model!r}, it should be {rightly}."
                found.add("planned", sentence)
    for number, row in enumerate(rows, 2):
        text = expected.answers.get(row.record)
        if text is None:
            found.add("record", f"{about(number, row)}: that record is not one that the run should explain.")
        elif row.answer != writable(text):
            found.add("answer", f"{about(number, row)}: the answer is not the one in the benchmark.")
