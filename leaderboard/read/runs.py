"""One set of rows from one or more journals, or a refusal that says why they must not stand in one table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.run.journal import Key, differences, key_of
from leaderboard.read import shards

Row = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """One run: the folders of its shards (one where it has none), its header, the SHA-256 of its journal, and how
    many of the planned results are there. ``notes``: what of it is missing, in sentences."""

    folders: tuple[Path, ...]
    header: Row
    digest: str
    finished: int
    notes: list[str]

    @property
    def planned(self) -> int:
        """How many results the run has when it is finished."""
        return planned_records(self.header) * len(self.header["attributors"])


def load(folders: Sequence[Path]) -> tuple[list[Row], list[Run]]:
    """The rows of all journals, each once, and the runs that they are of.

    A folder may hold the shards of a run, which are joined first. Rows of a record in whose middle a run broke off
    are left out, so that all its attributors have the same. Raises ``HarnessError`` where a folder has no journal, a
    broken one or nothing finished, or where the journals are of runs that cannot be compared.
    """
    whole = shards.read(folders)
    journals = [(run.folders[0], run.header, run.rows) for run in whole]
    for place, (folder, header, _) in enumerate(journals):
        for other, before, _ in journals[:place]:
            reasons = incomparable(before, header)
            if reasons:
                why = "; ".join(reasons)
                raise HarnessError(f"{other} and {folder} cannot be compared ({why}); leave one of them out.")
    rows = _merge((folder, _whole(header, rows)) for folder, header, rows in journals)
    if not rows:
        raise HarnessError(
            f"Nothing is finished yet in {', '.join(map(str, folders))}; run `harness eval` on."
        )
    return rows, [
        Run(
            folders=run.folders,
            header=run.header,
            digest=run.digest,
            finished=len({key_of(row) for row in run.rows}),
            notes=[shards.missing_shards(run)] if run.missing else [],
        )
        for run in whole
    ]


def incomparable(a: Row, b: Row) -> list[str]:
    """Why the runs of two headers cannot be compared; empty where they can.

    They need the same records, seed, limit and steps of faithfulness, and every plugin that takes part in
    both must be of the same distribution, version, options and weights; journals from before weights were hashed
    may be of any. Torch, Python or device may differ; the provenance shows them.
    """
    reasons = differences(a["seed"], b["seed"], "seed")
    reasons += differences(a.get("faithfulness", 0), b.get("faithfulness", 0), "faithfulness")
    if planned_records(a) < a["available"] or planned_records(b) < b["available"]:
        reasons += differences(a["limit"], b["limit"], "limit")
    for mode in sorted(a["bench"].keys() & b["bench"].keys()):
        reasons += differences(a["bench"][mode]["sha256"], b["bench"][mode]["sha256"], f"bench.{mode}")
        reasons += _shared_differences(a["planned"][mode], b["planned"][mode], f"records.{mode}")
    for kind in sorted(a["plugins"].keys() & b["plugins"].keys()):
        for name in sorted(a["plugins"][kind].keys() & b["plugins"][kind].keys()):
            one, other = a["plugins"][kind][name], b["plugins"][kind][name]
            if not ("weights" in one and "weights" in other):
                one, other = ({**about, "weights": None} for about in (one, other))
            reasons += differences(one, other, f"{kind}.{name}")
    return reasons


def planned_records(header: Row) -> int:
    """How many records a run explains when it is finished."""
    return sum(sum(models.values()) for models in header["planned"].values())


def _shared_differences(a: Row, b: Row, at: str) -> list[str]:
    """Differences in what both have."""
    shared = sorted(a.keys() & b.keys())
    return differences({name: a[name] for name in shared}, {name: b[name] for name in shared}, at)


def _whole(header: Row, rows: list[Row]) -> list[Row]:
    present: dict[tuple[str, str, str, int], set[str]] = {}
    for row in rows:
        present.setdefault(record_of(row), set()).add(row["attributor"])
    return [row for row in rows if len(present[record_of(row)]) == len(header["attributors"])]


def record_of(row: Row) -> tuple[str, str, str, int]:
    """Which record a row is about."""
    return row["mode"], row["model"], row["source"], row["index"]


def _merge(journals: Iterable[tuple[Path, list[Row]]]) -> list[Row]:
    merged: dict[Key, tuple[Path, Row]] = {}
    truths: dict[tuple[str, int], tuple[Path, Any]] = {}
    for folder, rows in journals:
        for row in rows:
            sample = f"sample {row['index']} of {row['source']!r}"
            other, before = merged.setdefault(key_of(row), (folder, row))
            if before != row:
                raise HarnessError(
                    f"{_where(other, folder)} different results of {row['attributor']!r} for {sample} "
                    f"({row['model']!r}, {row['mode']}); leave one of them out."
                )
            evidence = row["truth"], row["concept_truth"]
            other, truth = truths.setdefault((row["source"], row["index"]), (folder, evidence))
            if truth != evidence:
                what = "boxes" if truth[0] != row["truth"] else "concepts"
                raise HarnessError(
                    f"{_where(other, folder)} different true {what} of {sample}; leave one of them out."
                )
    return [row for _, row in merged.values()]


def _where(one: Path, other: Path) -> str:
    return f"{one} and {other} hold" if one != other else f"{one} holds"
