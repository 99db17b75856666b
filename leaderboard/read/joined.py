"""Runs, as folders hold them; the shards of a run (:mod:`harness.run.shards`) are put together again."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import sha256
from operator import itemgetter
from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.files import open_regular
from harness.run.header import COMPUTING, Header
from harness.run.journal_lines import encode
from harness.run.row import ResultKey, Row
from harness.run.shards import JOURNAL, Shard
from leaderboard.read.rescored import MeasuredReader
from leaderboard.read.table import NOT_APPLICABLE, NOTHING, WHY, Table, join
from leaderboard.read.table_maker import TableMaker

_LARGEST = 1e100


@dataclass(frozen=True)
class Run:
    """One run, whole or as far as it is there.

    Attributes
    ----------
    folders
        Those of its shards; one folder where it has none.
    header
        As the unsharded run would have it, with the metrics that ``harness rescore`` added.
    digest
        SHA-256 of the journal, hexadecimal. Of a run whose shards are all here and finished it is that of the
        unsharded run, where one kind of machine made them all.
    finished
        How many of its results are there.
    rescored
        The metrics that were added.
    count, missing
        Into how many shards it was split, 1 where it was not, and which of them are not here.
    """

    folders: tuple[Path, ...]
    header: Header
    digest: str
    finished: int
    rescored: tuple[str, ...] = ()
    count: int = 1
    missing: tuple[int, ...] = ()
    _order: np.ndarray | None = field(default=None, repr=False, compare=False)

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

    @cached_property
    def rows(self) -> list[Row]:
        """Its rows, read again, as the unsharded run would have them: for who needs all that they say."""
        return self.rows_of(None)

    def rows_of(self, keys: Collection[ResultKey] | None) -> list[Row]:
        """Its rows of some results, read again; of all where None. Raises ``HarnessError`` as reading does."""
        found: list[tuple[int, Row]] = []
        number = 0
        for folder in self.folders:
            reader = MeasuredReader(folder)
            lacking = _lacking(self.rescored, reader.rescored)
            for row, _ in reader:
                if keys is None or row.key in keys:
                    found.append((number, _with_lacking(row, lacking)))
                number += 1
        if self._order is not None:
            places = {before: now for now, before in enumerate(self._order.tolist())}
            found = sorted(((places[before], row) for before, row in found if before in places), key=itemgetter(0))
        return [row for _, row in found]


@dataclass(frozen=True)
class _Part:
    """What a folder holds."""

    folder: Path
    header: Header
    table: Table
    digest: str
    rescored: tuple[str, ...]


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """The runs in folders, shards joined; a folder may hold those of ``harness eval --shard K/N --output FOLDER``.

    Raises ``HarnessError`` where a folder holds no journal, or a broken one.
    """
    return [run for run, _ in read_tables(folders)]


def read_tables(folders: Sequence[Path]) -> list[tuple[Run, Table]]:
    """As :func:`read_runs`, each run with its results by columns."""
    runs: list[tuple[Run, Table]] = []
    shards: dict[str, list[_Part]] = {}
    for folder in dict.fromkeys(one for given in folders for one in folders_of(given)):
        part = _read(folder)
        _check_figures(part)
        if part.header.shard is None:
            table = join([part.table])
            run = Run((folder,), part.header, part.digest, len(np.unique(table.key)), part.rescored)
            runs.append((run, table))
        else:
            shards.setdefault(_whole_run(part), []).append(part)
    return runs + [_join(parts) for parts in shards.values()]


def _read(folder: Path) -> _Part:
    reader = MeasuredReader(folder)
    maker, offset = TableMaker([*reader.header.metrics]), reader.begins
    try:
        for row, line in reader:
            maker.add(row, line, offset)
            offset += len(line)
    except OverflowError as error:
        raise HarnessError(f"The journal in {folder} has too large a number ({error}); leave it out.") from error
    return _Part(folder, reader.header, maker.table(), reader.digest, reader.rescored)


def folders_of(folder: Path) -> list[Path]:
    """A run's folder with those of the shards in it, and without itself where it holds nothing but shards.

    Raises ``HarnessError`` where one of them is a link, which in somebody else's folder may lead anywhere.
    """
    parts = sorted(part for part in folder.glob("shard-*-of-*") if (part / JOURNAL).is_file())
    if link := next((part for part in parts if part.is_symlink()), None):
        raise HarnessError(f"{link} is a link; give the folder that it leads to, if that is one of yours.")
    return [folder, *parts] if (folder / JOURNAL).is_file() or not parts else parts


def _check_figures(part: _Part) -> None:
    """Raise ``HarnessError`` where a figure is so large that sums of such would overflow."""
    for place, (name, facts) in enumerate(part.header.metrics.items()):
        figures = np.append(part.table["figures"][:, place], facts.worst)
        large = figures[np.abs(figures) > _LARGEST]
        if len(large):
            raise HarnessError(
                f"The journal in {part.folder} has a figure of {name!r} of {large[0]:g}, too large to take a mean "
                "of; leave it out."
            )


def _whole_run(part: _Part) -> str:
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


def _shard(part: _Part) -> Shard:
    assert part.header.shard is not None
    return Shard.parse(part.header.shard)


def _join(parts: list[_Part]) -> tuple[Run, Table]:
    parts = sorted(parts, key=lambda part: _shard(part).index)
    rescored = tuple(dict.fromkeys(name for part in parts for name in part.rescored))
    header = _header(parts)
    table = join([_with_lacking_columns(part, rescored) for part in parts], part=range(len(parts)))
    order = _order(header, table)
    table = table.take(order)
    count = _shard(parts[0]).count
    here = {_shard(part).index for part in parts}
    run = Run(
        folders=tuple(part.folder for part in parts),
        header=header,
        digest=_digest(header, parts, table, rescored),
        finished=len(np.unique(table.key)),
        rescored=rescored,
        count=count,
        missing=tuple(number for number in range(1, count + 1) if number not in here),
        _order=order,
    )
    return run, table.without("part")


def _order(header: Header, table: Table) -> np.ndarray:
    """The lines in the order of the journal of the unsharded run, each once: a shard may have been given twice."""

    def places(column: str, names: Iterable[str]) -> np.ndarray:
        order = {name: place for place, name in enumerate(names)}
        return np.array([order.get(name, -1) for name in table.names[column]])[table[column]]

    models = places("model", header.plugins.get("model", {}))
    modes, attributors = places("mode", header.bench), places("attributor", header.attributors)
    order = np.lexsort((attributors, modes, table.sample, models))
    again = np.zeros(len(order), bool)
    again[1:] = (np.diff(table.key[order]) == 0) & table.same(order[1:], order[:-1])
    return np.asarray(order[~again])


def _lacking(rescored: Collection[str], here: Collection[str]) -> dict[str, str]:
    """Why results of a shard have no figures of metrics that were added to other shards alone."""
    return {name: "nobody ran `harness rescore` on its shard" for name in rescored if name not in here}


def _with_lacking(row: Row, lacking: dict[str, str]) -> Row:
    if not lacking or row.status == "not_applicable":
        return row
    return row.model_copy(update={"unmeasured": row.unmeasured | lacking})


def _with_lacking_columns(part: _Part, rescored: tuple[str, ...]) -> Table:
    """The same for all rows of a shard."""
    lacking, table = _lacking(rescored, part.rescored), part.table
    if not lacking:
        return table
    rows, reasons = len(table), [*table.names[WHY], *lacking.values()]
    tried = table["status"] != NOT_APPLICABLE
    why = [np.where(tried, len(table.names[WHY]) + place, NOTHING) for place in range(len(lacking))]
    return Table(
        {**table.names, WHY: reasons},
        table.indices,
        (*table.metrics, *lacking),
        {
            **table.columns,
            WHY: np.column_stack([table[WHY], *why]).astype(np.int32),
            "figures": np.column_stack([table["figures"], np.full((rows, len(lacking)), np.nan)]),
            "silent": np.column_stack([table["silent"], np.zeros((rows, len(lacking)), bool)]),
        },
    )


def _header(parts: list[_Part]) -> Header:
    """The header of the unsharded run; where machines differ, all of them are named."""
    heads = [part.header for part in parts]
    machine: dict[str, str | None] = {}
    for name in COMPUTING:
        said: dict[str | None, None] = dict.fromkeys(getattr(head, name) for head in heads)
        machine[name] = next(iter(said)) if len(said) == 1 else ", ".join(map(str, said))
    metrics = {name: facts for head in reversed(heads) for name, facts in head.metrics.items()}
    order = dict.fromkeys(name for head in heads for name in head.metrics)
    return heads[0].model_copy(update={**machine, "shard": None, "metrics": {name: metrics[name] for name in order}})


def _digest(header: Header, parts: list[_Part], table: Table, rescored: tuple[str, ...]) -> str:
    """SHA-256 of the journal that the unsharded run would have written, in which nothing was added later."""
    head = header.line()
    for name in rescored:
        head["metrics"].pop(name, None)
    digest = sha256(encode(head))
    with ExitStack() as stack:
        journals = [stack.enter_context(os.fdopen(open_regular(part.folder / JOURNAL), "rb")) for part in parts]
        for part, offset in zip(table["part"].tolist(), table["offset"].tolist(), strict=True):
            journals[part].seek(offset)
            digest.update(journals[part].readline())
    return digest.hexdigest()
