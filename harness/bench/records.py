"""MedGround-Bench's release format: each model's answers about the samples that survived the causal filter.

A folder holds one JSON list a mode, ``direct.json`` and ``reasoning.json``. A record there reads ``{model,
dataset, index, answer, prediction_M, prediction_edited_M, prediction_edited_kept_M,
prediction_edited_kept_normal_M}``, where M is ``direct`` or ``cot`` (paper, section on MedGround-Bench).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.contracts.mode import MODES, Mode
from harness.errors import HarnessError
from harness.files import write_whole

# The release calls the reasoning mode "cot" inside the file that is named after it.
RELEASE_WORDS: dict[Mode, str] = {"direct": "direct", "reasoning": "cot"}
_TEXTS = ("prediction", "prediction_edited", "prediction_edited_kept", "prediction_edited_kept_normal")


@dataclass(frozen=True)
class Record:
    """One model's answers about one sample in one mode.

    ``dataset`` and ``index`` name the sample (:attr:`Sample.source`, :attr:`Sample.index`); ``answer`` is
    the gold one. ``prediction``: the text about the original image; ``prediction_edited``: about the image
    whose finding was edited away inside the boxes; ``prediction_edited_kept``: the same prompt outside the
    boxes, the finding kept; ``prediction_edited_kept_normal``: "No abnormality" outside the boxes. A text of
    an edit that was not asked about is empty (:func:`harness.building.causal.ask`); released records have all four.
    """

    model: str
    dataset: str
    index: int
    answer: str
    mode: Mode
    prediction: str
    prediction_edited: str
    prediction_edited_kept: str
    prediction_edited_kept_normal: str


def read_records(folder: Path, modes: Sequence[Mode] = MODES) -> dict[Mode, list[Record]]:
    """The records of each of the modes that has a file, in the files' order; direct comes before reasoning.

    Raises ``HarnessError`` where the folder or all of the files are missing, for a file that is no JSON list,
    and for a record that lacks a field, holds one of a wrong type, or says again what model and sample an
    earlier one is about.
    """
    if not folder.is_dir():
        raise HarnessError(f"The benchmark folder {folder} does not exist; give one that holds direct.json.")
    present = [mode for mode in MODES if mode in modes and (folder / f"{mode}.json").exists()]
    if not present:
        names = " nor ".join(f"{mode}.json" for mode in MODES if mode in modes)
        raise HarnessError(
            f"The benchmark folder {folder} holds {'neither ' if ' nor ' in names else 'no '}{names}; "
            "give a folder that does, or another mode."
        )
    return {mode: _read(folder / f"{mode}.json", mode) for mode in present}


def write_records(folder: Path, records: Iterable[Record]) -> None:
    """Write both files, with the records in the given order; the same records give the same bytes.

    Each file appears whole or not at all. Raises ``HarnessError`` where the folder cannot be written.
    """
    rows: dict[Mode, list[dict[str, Any]]] = {mode: [] for mode in MODES}
    for record in records:
        rows[record.mode].append(_to_json(record))
    try:
        for mode, listed in rows.items():
            write_whole(folder / f"{mode}.json", json_list(listed).encode())
    except OSError as error:
        raise HarnessError(f"The records cannot be written to {folder}: {error.strerror or error}.") from error


def json_list(rows: Iterable[dict[str, Any]]) -> str:
    """A JSON list with a row a line, as the files of a benchmark have it."""
    return "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n"


def bench_hash(folder: Path, mode: Mode) -> str:
    """SHA-256 of a mode's file, hexadecimal: two runs are comparable only on the same records.

    One for each file, so that a run of one mode compares with a run of both.
    """
    return sha256(_bytes(folder / f"{mode}.json")).hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise HarnessError(f"The benchmark file {path} cannot be read: {error.strerror or error}.") from error


def _read(path: Path, mode: Mode) -> list[Record]:
    try:
        rows = json.loads(_bytes(path).decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise HarnessError(f"The benchmark file {path} is no JSON: {error}.") from error
    if not isinstance(rows, list):
        raise HarnessError(f"The benchmark file {path} should hold a list of records, it holds {_kind(rows)}.")
    records: list[Record] = []
    seen: dict[tuple[str, str, int], int] = {}
    for number, row in enumerate(rows, 1):
        record = _from_json(row, mode, f"{path}, record {number}")
        first = seen.setdefault((record.model, record.dataset, record.index), number)
        if first != number:
            raise HarnessError(
                f"{path}, record {number}: model {record.model!r} and sample {record.index} of "
                f"{record.dataset!r} are record {first}'s already; remove one of the two."
            )
        records.append(record)
    return records


def _from_json(row: Any, mode: Mode, where: str) -> Record:
    if not isinstance(row, dict):
        raise HarnessError(f"{where}: should be an object, it is {_kind(row)}.")

    def get(field: str, kind: type) -> Any:
        if field not in row:
            raise HarnessError(f"{where}: the field {field!r} is missing.")
        value = row[field]
        if type(value) is not kind:  # isinstance would take true for an index
            wanted = "text" if kind is str else "a whole number"
            raise HarnessError(f"{where}: the field {field!r} should be {wanted}, it is {_kind(value)}.")
        return value

    index = get("index", int)
    if index < 0:
        raise HarnessError(f"{where}: the field 'index' should be 0 or more, it is {index}.")
    texts = {name: get(f"{name}_{RELEASE_WORDS[mode]}", str) for name in _TEXTS}
    model, dataset, answer = (get(field, str) for field in ("model", "dataset", "answer"))
    return Record(model=model, dataset=dataset, index=index, answer=answer, mode=mode, **texts)


def _to_json(record: Record) -> dict[str, Any]:
    row = {field: getattr(record, field) for field in ("model", "dataset", "index", "answer")}
    return row | {f"{name}_{RELEASE_WORDS[record.mode]}": getattr(record, name) for name in _TEXTS}


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "text", bool: "true or false", int: "a whole number"}
    return "null" if value is None else kinds.get(type(value), "a number with a fraction")
