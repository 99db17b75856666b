"""Runs, as folders hold them; the shards of a run (:mod:`harness.run.shards`) are put together again."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.errors import HarnessError
from harness.run.header import COMPUTING, Header
from harness.run.journal_lines import encode
from harness.run.results import Results
from harness.run.row import Row
from harness.run.shards import JOURNAL, Shard
from leaderboard.read.rescored import read_measured

_LARGEST = 1e100


@dataclass(frozen=True)
class Run:
    """One run, whole or as far as it is there.

    Attributes
    ----------
    folders
        Those of its shards; one folder where it has none.
    header, rows
        As the unsharded run would have them, with the figures that ``harness rescore`` added.
    digest
        SHA-256 of the journal, hexadecimal. Of a run whose shards are all here and finished it is that of the
        unsharded run, where one kind of machine made them all.
    rescored
        The metrics that were added.
    count, missing
        Into how many shards it was split, 1 where it was not, and which of them are not here.
    """

    folders: tuple[Path, ...]
    header: Header
    rows: list[Row]
    digest: str
    rescored: tuple[str, ...] = ()
    count: int = 1
    missing: tuple[int, ...] = ()

    @property
    def finished(self) -> int:
        """How many of its results are there."""
        return len({row.key for row in self.rows})

    @property
    def planned(self) -> int:
        """How many results it has when it is finished."""
        return self.header.records * len(self.header.attributors)

    @property
    def notes(self) -> list[str]:
        """What of it is missing, in sentences."""
        if not self.missing:
            return []
        numbers = ", ".join(map(str, self.missing))
        shards, are = ("Shard", "is") if len(self.missing) == 1 else ("Shards", "are")
        return [f"{shards} {numbers} of {self.count} {are} missing: the figures are of the others' records."]


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """The runs in folders, shards joined; a folder may hold those of ``harness eval --shard K/N --output FOLDER``.

    Raises ``HarnessError`` where a folder holds no journal, or a broken one.
    """
    runs: list[Run] = []
    shards: dict[str, list[Results]] = {}
    for folder in dict.fromkeys(one for given in folders for one in folders_of(given)):
        found = read_measured(folder)
        _check_figures(found)
        if found.header.shard is None:
            runs.append(Run((folder,), found.header, found.rows, found.digest, found.rescored))
        else:
            shards.setdefault(_whole_run(found), []).append(found)
    return runs + [_join(parts) for parts in shards.values()]


def folders_of(folder: Path) -> list[Path]:
    """A run's folder with those of the shards in it, and without itself where it holds nothing but shards."""
    parts = sorted(part for part in folder.glob("shard-*-of-*") if (part / JOURNAL).is_file())
    return [folder, *parts] if (folder / JOURNAL).is_file() or not parts else parts


def _check_figures(found: Results) -> None:
    """Raise ``HarnessError`` where a figure is so large that sums of such would overflow."""
    for name, facts in found.header.metrics.items():
        figures = (row.metrics[name] for row in found.rows if row.metrics.get(name) is not None)
        for figure in (facts.worst, *figures):
            if abs(figure or 0.0) > _LARGEST:
                raise HarnessError(
                    f"The journal in {found.folder} has a figure of {name!r} of {figure:g}, too large to take a mean "
                    "of; leave it out."
                )


def _whole_run(part: Results) -> str:
    """What the shards of one run have in common: not what machines differ in, as versions and where files lie.
    Metrics that were added later may be in some alone."""
    header = part.header
    about = header.line()
    for name in (*COMPUTING, "shard"):
        del about[name]
    about["plugins"] = {
        kind: {label: facts.identity for label, facts in found.items()} for kind, found in header.plugins.items()
    }
    about["metrics"] = {
        name: facts.identity for name, facts in header.metrics.items() if name not in part.rescored
    }
    about["of"] = _shard(part).count
    return json.dumps(about, sort_keys=True)


def _shard(part: Results) -> Shard:
    assert part.header.shard is not None
    return Shard.parse(part.header.shard)


def _join(parts: list[Results]) -> Run:
    parts = sorted(parts, key=lambda part: _shard(part).index)
    rescored = tuple(dict.fromkeys(name for part in parts for name in part.rescored))
    header = _header(parts)
    names = (header.plugins.get("model", {}), header.bench, header.attributors)
    model, mode, attributor = ({name: place for place, name in enumerate(order)} for order in names)

    def place(row: Row) -> tuple[int, str, int, int, int]:
        """Where a row stands in the journal of the unsharded run."""
        about = model.get(row.model, -1), row.source, row.index
        return *about, mode.get(row.mode, -1), attributor.get(row.attributor, -1)

    rows: list[Row] = []
    for row in sorted((row for part in parts for row in _rows(part, rescored)), key=place):
        if not rows or rows[-1] != row:  # the same shard may have been given twice
            rows.append(row)
    count = _shard(parts[0]).count
    here = {_shard(part).index for part in parts}
    return Run(
        folders=tuple(part.folder for part in parts),
        header=header,
        rows=rows,
        digest=_digest(header, rows, rescored),
        rescored=rescored,
        count=count,
        missing=tuple(number for number in range(1, count + 1) if number not in here),
    )


def _rows(part: Results, rescored: tuple[str, ...]) -> list[Row]:
    """The rows of a shard, which say so where metrics were added to other shards alone."""
    lacking = {name: "nobody ran `harness rescore` on its shard" for name in rescored if name not in part.rescored}
    if not lacking:
        return part.rows
    return [
        row if row.status == "not_applicable" else row.model_copy(update={"unmeasured": row.unmeasured | lacking})
        for row in part.rows
    ]


def _header(parts: list[Results]) -> Header:
    """The header of the unsharded run; where machines differ, all of them are named."""
    heads = [part.header for part in parts]
    machine: dict[str, str | None] = {}
    for name in COMPUTING:
        said: dict[str | None, None] = dict.fromkeys(getattr(head, name) for head in heads)
        machine[name] = next(iter(said)) if len(said) == 1 else ", ".join(map(str, said))
    metrics = {name: facts for head in reversed(heads) for name, facts in head.metrics.items()}
    order = dict.fromkeys(name for head in heads for name in head.metrics)
    return heads[0].model_copy(update={**machine, "shard": None, "metrics": {name: metrics[name] for name in order}})


def _digest(header: Header, rows: list[Row], rescored: tuple[str, ...]) -> str:
    """SHA-256 of the journal that the unsharded run would have written, in which nothing was added later."""
    lines = [header.line(), *(row.line() for row in rows)]
    for line in lines:
        for name in rescored:
            line["metrics"].pop(name, None)
            line.get("unmeasured", {}).pop(name, None)
    return sha256(b"".join(map(encode, lines))).hexdigest()
