"""The pictures that runs kept, read with suspicion: a run's folder may be somebody else's."""

from __future__ import annotations

import io
import json
import warnings
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from harness.imaging.frame import FRAME_SIDE, Letterbox
from harness.run.journal import key_of
from leaderboard.board import Board
from leaderboard.figures import frame_of
from leaderboard.read.runs import Row, record_of
from leaderboard.render.gallery_observer import FOLDER, picture_id

MOST = 12  # records in a page
MAP_SIDE = 112  # of the maps in a page, pixels
_SHADES = 32  # enough for the eye, and small files
_LARGEST = 1 << 20  # bytes of a file that is still read


@dataclass(frozen=True)
class Exhibit:
    """One record: its rows, best method first, its image and maps as PNG data URIs, its answer's tokens.

    ``frame``: the image's place in the picture, which is the frame. ``maps``: by attributor.
    """

    rows: list[Row]
    frame: Letterbox
    image: str
    maps: dict[str, str]
    tokens: list[str] | None


def exhibits(board: Board, private: bool = False) -> tuple[list[Exhibit], list[str]]:
    """The exhibits of a board, at most ``MOST``, evenly spread; and the sources whose own were withheld.

    A record whose source was not declared free to share is withheld whole, for saliency maps can show the
    image too; ``private`` shows it all the same. What cannot be read is left out.
    """
    order = {
        (table.mode, score.attributor): place for table in board.tables for place, score in enumerate(table.scores)
    }
    records: dict[tuple[str, str, str, int], list[Row]] = {}
    for row in sorted(board.rows, key=lambda row: order[row["mode"], row["attributor"]]):
        records.setdefault(record_of(row), []).append(row)
    folders = [folder / FOLDER for run in board.runs for folder in run.folders]
    folders = [folder for folder in folders if folder.is_dir()]
    found: list[tuple[list[Row], dict[str, object], Path]] = []
    withheld: set[str] = set()
    for record in sorted(records):
        rows = records[record]
        kept = _about(folders, rows[0])
        if kept is None:
            continue
        if kept[0].get("redistributable") is not True and not private:
            withheld.add(rows[0]["source"])
            continue
        found.append((rows, *kept))
    most = min(MOST, len(found))
    chosen = [found[(2 * k + 1) * len(found) // (2 * most)] for k in range(most)]
    shown = [_exhibit(rows, facts, path, folders) for rows, facts, path in chosen]
    return [one for one in shown if one is not None], sorted(withheld)


def _about(folders: list[Path], row: Row) -> tuple[dict[str, object], Path] | None:
    """What a run noted about a record, and where."""
    for folder in folders:
        path = folder / f"{picture_id(*key_of(row)[:4])}.json"
        try:
            if path.stat().st_size <= _LARGEST and isinstance(facts := json.loads(path.read_bytes()), dict):
                return facts, path
        except (OSError, ValueError, RecursionError):
            continue
    return None


def _exhibit(rows: list[Row], facts: dict[str, object], path: Path, folders: list[Path]) -> Exhibit | None:
    image = _pixels(path.with_suffix(".png"))
    frame = next((place for row in rows if (place := frame_of(row)) is not None), None)
    if image is None or frame is None:
        return None
    maps = {}
    for row in rows:
        paths = (folder / f"{picture_id(*key_of(row))}.png" for folder in folders)
        grey = next((pixels for path in paths if (pixels := _pixels(path)) is not None), None)
        if grey is not None:
            maps[row["attributor"]] = _uri(_coloured(grey))
    tokens = facts.get("tokens")
    texts = tokens if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens) else None
    # Drawn anew, so that nothing but pixels gets into the page.
    return Exhibit(rows, frame, _uri(Image.fromarray(image)), maps, texts)


def _pixels(path: Path) -> np.ndarray | None:
    """A picture of the frame, uint8 [side, side] or [side, side, 3]; None where there is none to be read."""
    try:
        if path.stat().st_size > _LARGEST:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with Image.open(path, formats=("PNG",)) as picture:
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
