"""The shards of a run (:mod:`harness.run.shards`) put together again: the header and rows of the unsharded run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.errors import HarnessError
from harness.run.journal import JOURNAL, read_journal
from harness.run.shards import PATTERN
from leaderboard.shape import check

Row = dict[str, Any]
# What may differ between the machines that the shards of one run were made on.
_MACHINE = ("python", "numpy", "torch", "transformers", "device")


@dataclass(frozen=True)
class Whole:
    """One run: the folders of its shards (one folder where it has none), its header and rows as they came.

    ``count``: how many shards it was split into, 1 where it was not; ``missing``: which of them are not here.
    ``digest``: SHA-256 of the journal, hexadecimal; of a run whose shards are all here and finished it is that of
    the unsharded run, where one machine's kind made them all.
    """

    folders: tuple[Path, ...]
    header: Row
    rows: list[Row]
    digest: str
    count: int = 1
    missing: tuple[int, ...] = ()


def read(folders: Sequence[Path]) -> list[Whole]:
    """The runs in folders, shards joined; a folder may hold those of ``harness eval --shard K/N --output FOLDER``.

    Raises ``HarnessError`` where a folder holds no journal, or a broken one.
    """
    whole: list[Whole] = []
    shards: dict[str, list[tuple[Path, Row, list[Row]]]] = {}
    for folder in expand(folders):
        header, rows = read_journal(folder)
        check(folder, header, rows)
        if header.get("shard") is None:
            whole.append(Whole((folder,), header, rows, _digest_of_file(folder)))
        else:
            about = {name: value for name, value in header.items() if name not in (*_MACHINE, "shard")}
            about["of"] = header["shard"]["count"]
            shards.setdefault(json.dumps(about, sort_keys=True), []).append((folder, header, rows))
    return whole + [_join(parts) for parts in shards.values()]


def expand(folders: Sequence[Path]) -> list[Path]:
    """The folders with those of the shards in them, and without those that hold nothing but shards."""
    found: list[Path] = []
    for folder in folders:
        parts = sorted(part for part in folder.glob(PATTERN) if (part / JOURNAL).is_file())
        found += [folder, *parts] if (folder / JOURNAL).is_file() or not parts else parts
    return list(dict.fromkeys(found))


def missing_shards(whole: Whole) -> str:
    """A sentence about the shards that are missing."""
    numbers = ", ".join(map(str, whole.missing))
    shards, are = ("Shard", "is") if len(whole.missing) == 1 else ("Shards", "are")
    return f"{shards} {numbers} of {whole.count} {are} missing: the figures are of the others' records."


def _join(parts: list[tuple[Path, Row, list[Row]]]) -> Whole:
    parts = sorted(parts, key=lambda part: part[1]["shard"]["index"])
    header = {name: value for name, value in parts[0][1].items() if name != "shard"}
    for name in _MACHINE:
        said = dict.fromkeys(part.get(name) for _, part, _ in parts)
        header[name] = next(iter(said)) if len(said) == 1 else ", ".join(map(str, said))
    names = (header["plugins"].get("model", {}), header["bench"], header["attributors"])
    model, mode, attributor = ({name: place for place, name in enumerate(order)} for order in names)

    def place(row: Row) -> tuple[int, str, int, int, int]:
        """Where a row stands in the journal of the unsharded run."""
        about = model.get(row["model"], -1), row["source"], row["index"]
        return *about, mode.get(row["mode"], -1), attributor.get(row["attributor"], -1)

    rows: list[Row] = []
    for row in sorted((row for _, _, rows in parts for row in rows), key=place):
        if not rows or rows[-1] != row:  # the same shard may have been given twice
            rows.append(row)
    lines = "".join(json.dumps(line) + "\n" for line in [header, *rows])
    count = parts[0][1]["shard"]["count"]
    here = {part["shard"]["index"] for _, part, _ in parts}
    missing = tuple(number for number in range(1, count + 1) if number not in here)
    return Whole(tuple(folder for folder, _, _ in parts), header, rows, _sha256(lines.encode("ascii")), count, missing)


def _digest_of_file(folder: Path) -> str:
    try:
        return _sha256((folder / JOURNAL).read_bytes())
    except OSError as error:
        raise HarnessError(f"The journal in {folder} cannot be read: {error.strerror or error}.") from error


def _sha256(data: bytes) -> str:
    return sha256(data).hexdigest()
