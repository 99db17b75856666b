"""Pictures of a few records beside the journal, for a page that shows what the methods point at.

The folder ``gallery`` holds, for each record chosen, ``ID.png``, the image in its frame, and ``ID.json``, the
answer's tokens and whether the source is free to share; for each result about it that has a saliency map,
``ID.png``, the map in the frame as grey. An ID is a digest of what the file is about (:func:`picture_id`), so
that the journal's rows find their files and no plugin's name becomes a path. The journal itself stays as it
is without a gallery. Saliency maps can show the image they are about: what must not be shared is all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import numpy as np

from harness.contracts.attributor import Attribution
from harness.contracts.model import Model
from harness.contracts.source import Mode, Sample, Source
from harness.errors import HarnessError
from harness.files import write_whole
from harness.imaging.frame import Box
from harness.imaging.saliency import unit_heat
from harness.run.journal import Key
from harness.run.select import Plan, thin

FOLDER = "gallery"
RecordKey = tuple[str, int, str, str]  # source, index, model, mode: what a result's key starts with


def choose(plan: Plan, count: int) -> frozenset[RecordKey]:
    """``count`` of a plan's records, as many of each model and mode as of any other, evenly spread."""
    groups: dict[tuple[type[Model], Mode], list[Sample]] = {}
    for model, tasks in plan.tasks.items():
        for task in tasks:
            groups.setdefault((model, task.record.mode), []).append(task.sample)
    return frozenset(
        (sample.source, sample.index, model.name, mode)
        for (model, mode), samples in thin(groups, count).items()
        for sample in samples
    )


def picture_id(*key: str | int) -> str:
    """16 hexadecimal digits that name the files about a record, or about a result, by its key."""
    return blake2b("\n".join(map(str, key)).encode(errors="backslashreplace"), digest_size=8).hexdigest()


class Camera:
    """Takes the pictures of the records chosen, ``records``, wherever their results are made."""

    def __init__(self, records: frozenset[RecordKey]) -> None:
        self._records = records
        self._taken: set[RecordKey] = set()

    def take(
        self,
        key: Key,
        frame: np.ndarray,
        content: Box,
        source: Source,
        model: Model,
        answer: str,
        said: Attribution | None,
    ) -> dict[str, bytes]:
        """The files about one result by their names; none if its record is not among those chosen.

        ``frame``: uint8 [side, side, 3]. ``content``: the part of it that is image. ``said``: None where the
        attributor failed.
        """
        record: RecordKey = key[:4]
        if record not in self._records:
            return {}
        files: dict[str, bytes] = {}
        if record not in self._taken:
            self._taken.add(record)
            facts = {"redistributable": source.redistributable is True, "tokens": _tokens(model, answer)}
            grey = (frame == frame[..., :1]).all()
            files[f"{picture_id(*record)}.png"] = _png(frame[..., 0] if grey else frame)
            files[f"{picture_id(*record)}.json"] = json.dumps(facts).encode("ascii") + b"\n"
        if said is not None and said.saliency is not None:
            files[f"{picture_id(*key)}.png"] = _png(_grey(said.saliency, content))
        return files


class Gallery:
    """The gallery of a run's folder. ``fresh`` discards older pictures."""

    def __init__(self, folder: Path, fresh: bool = False) -> None:
        self._folder = folder / FOLDER
        if fresh and self._folder.is_dir():
            for path in [*self._folder.glob("*.png"), *self._folder.glob("*.json")]:
                path.unlink(missing_ok=True)

    def keep(self, files: Mapping[str, bytes]) -> None:
        """Store what a camera took. Raises ``HarnessError`` where the folder cannot be written."""
        try:
            for name, data in files.items():
                write_whole(self._folder / name, data)
        except OSError as error:
            raise HarnessError(f"The gallery {self._folder} cannot be written: {error.strerror or error}.") from error


def _tokens(model: Model, answer: str) -> list[str] | None:
    if "score" not in model.capabilities:
        return None
    try:
        return [str(token) for token in model.tokens(answer)]
    except Exception:  # a picture that lacks its tokens must not end a run
        return None


def _grey(saliency: np.ndarray, content: Box) -> np.ndarray:
    """A map as 0..255 within the image, 0 in the padding."""
    heat, (x0, y0) = unit_heat(saliency, content)
    grey = np.zeros(np.shape(saliency), np.uint8)
    grey[y0 : y0 + heat.shape[0], x0 : x0 + heat.shape[1]] = np.round(255 * heat)
    return grey


def _png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
