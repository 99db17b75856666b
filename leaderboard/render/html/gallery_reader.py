"""The pictures that runs kept, read with suspicion: a run's folder may be somebody else's.

Whether a source is free to share the installed one says, and no folder: what a stranger's folder says of it would
publish the pictures that lie in another's.
"""

from __future__ import annotations

import io
import json
import warnings
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from harness.contracts.case import RecordKey
from harness.contracts.observer import file_id
from harness.errors import HarnessError
from harness.files import read_regular
from harness.imaging.frame import FRAME_SIDE, Letterbox
from harness.registry import Registry
from harness.run.row import ResultKey, Row
from leaderboard.board import Board
from leaderboard.read.installed import installed
from leaderboard.read.runs import keys_of
from leaderboard.read.table import Table
from leaderboard.render.gallery_observer import FOLDER

MOST = 12  # records in a page
MAP_SIDE = 112  # of the maps in a page, pixels
_SHADES = 32  # enough for the eye, and small files
_LARGEST = 1 << 20  # bytes of a file that is still read


@dataclass(frozen=True)
class Pictured:
    """One record with its pictures.

    ``rows``: its results, best method first. ``frame``: the image's place in the picture, which is the frame.
    ``image``, ``maps`` (by attributor): PNG as data URIs. ``tokens``: its answer's.
    """

    rows: list[Row]
    frame: Letterbox
    image: str
    maps: dict[str, str]
    tokens: list[str] | None


def read_gallery(
    board: Board, private: bool = False, registry: Registry | None = None
) -> tuple[list[Pictured], list[str]]:
    """The records that have pictures, at most ``MOST``, evenly spread; and the sources whose own were withheld.

    A record whose source is not installed, or not declared free to share, is withheld whole, for saliency maps can
    show the image too; ``private`` shows it all the same. What cannot be read is left out. ``registry``: None for what
    is installed.
    """
    registry = registry or installed()
    folders = [folder / FOLDER for run in board.runs for folder in run.folders]
    folders = [folder for folder in folders if folder.is_dir() and not folder.is_symlink()]
    there = {path.name for folder in folders for path in folder.glob("*.json")}
    found: list[tuple[RecordKey, dict[str, object], Path]] = []
    withheld: set[str] = set()
    for record in _records(board.table) if there else ():
        kept = _facts(folders, record) if f"{file_id(*record)}.json" in there else None
        if kept is None:
            continue
        if not private and not _is_free(registry, record.source):
            withheld.add(record.source)
            continue
        found.append((record, *kept))
    most = min(MOST, len(found))
    chosen = [found[(2 * k + 1) * len(found) // (2 * most)] for k in range(most)]
    rows = _rows(board, [record for record, _, _ in chosen])
    shown = [_pictured(rows[record], facts, path, folders) for record, facts, path in chosen]
    return [one for one in shown if one is not None], sorted(withheld)


def _records(table: Table) -> list[RecordKey]:
    """The records of a board, by mode and model."""
    _, first = np.unique(table.record, return_index=True)
    keys = [RecordKey(*key[:4]) for key in keys_of(table, first.tolist())]
    return sorted(keys, key=lambda record: (record.mode, record.model, record.source, record.index))


def _rows(board: Board, records: list[RecordKey]) -> dict[RecordKey, list[Row]]:
    """The rows of some records, the best method first."""
    order = {
        (ranking.mode, score.attributor): place
        for ranking in board.rankings
        for place, score in enumerate(ranking.scores)
    }
    found: dict[RecordKey, list[Row]] = {record: [] for record in records}
    wanted = {ResultKey(*record, attributor) for record in records for attributor in board.table.used("attributor")}
    rows = board.rows_of(wanted) if wanted else []
    for row in sorted(rows, key=lambda row: order[row.mode, row.attributor]):
        found[row.record].append(row)
    return found


def _is_free(registry: Registry, source: str) -> bool:
    try:
        return registry.find("source", source).redistributable is True
    except HarnessError:  # not installed here
        return False


def _facts(folders: list[Path], record: RecordKey) -> tuple[dict[str, object], Path] | None:
    """What a run noted about a record, and where."""
    for folder in folders:
        path = folder / f"{file_id(*record)}.json"
        try:
            if isinstance(facts := json.loads(read_regular(path, _LARGEST)), dict):
                return facts, path
        except (OSError, ValueError, RecursionError):
            continue
    return None


def _pictured(rows: list[Row], facts: dict[str, object], path: Path, folders: list[Path]) -> Pictured | None:
    image = _pixels(path.with_suffix(".png"))
    frame = next((Letterbox(*row.size) for row in rows if row.size is not None), None)
    if image is None or frame is None:
        return None
    maps = {}
    for row in rows:
        paths = (folder / f"{file_id(*row.key)}.png" for folder in folders)
        grey = next((pixels for path in paths if (pixels := _pixels(path)) is not None), None)
        if grey is not None:
            maps[row.attributor] = _uri(_coloured(grey))
    tokens = facts.get("tokens")
    texts = tokens if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens) else None
    # Drawn anew, so that nothing but pixels gets into the page.
    return Pictured(rows, frame, _uri(Image.fromarray(image)), maps, texts)


def _pixels(path: Path) -> np.ndarray | None:
    """A picture of the frame, uint8 [side, side] or [side, side, 3]; None where there is none to be read."""
    try:
        data = io.BytesIO(read_regular(path, _LARGEST))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(data, formats=("PNG",)) as picture:
                if picture.size != (FRAME_SIDE, FRAME_SIDE):
                    return None
                return np.asarray(picture.convert("L" if picture.mode == "L" else "RGB"))
    except (OSError, SyntaxError, ValueError, Warning):
        return None


def _coloured(grey: np.ndarray) -> Image.Image:
    """A map in colours over the image: the hotter, the lighter and the more opaque."""
    small = Image.fromarray(grey if grey.ndim == 2 else grey[..., 0]).resize((MAP_SIDE, MAP_SIDE), Image.Resampling.BOX)
    levels = np.linspace(0, 1, _SHADES)
    stops = [0, 0.5, 1]
    channels = [np.interp(levels, stops, values) for values in ((110, 235, 255), (10, 85, 225), (110, 30, 110))]
    picture = Image.fromarray((np.asarray(small) // (256 // _SHADES)).astype(np.uint8), mode="P")
    picture.putpalette(np.round(np.stack(channels, axis=1)).astype(np.uint8).tobytes())
    picture.info["transparency"] = np.round(255 * 0.8 * levels**0.8).astype(np.uint8).tobytes()
    return picture


def _uri(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.save(file, format="PNG", optimize=True, transparency=picture.info.get("transparency"))
    return "data:image/png;base64," + b64encode(file.getvalue()).decode("ascii")
