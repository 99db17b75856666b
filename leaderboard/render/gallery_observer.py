"""Pictures of a few records beside the journal, for a page that shows what the methods point at: ``--gallery N``.

The folder ``gallery`` holds, for each record chosen, ``ID.png``, the image in its frame, and ``ID.json``, the answer's
tokens; for each result about it that has a saliency map, ``ID.png``, the map in the frame as grey. Saliency maps can
show the image they are about: what must not be shared is all of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness.contracts.case import Case, RecordKey
from harness.contracts.explained import Explained
from harness.contracts.observer import Observer, file_id
from harness.contracts.plugin import NoOptions

if TYPE_CHECKING:
    import numpy as np

    from harness.imaging.frame import Box

FOLDER = "gallery"


class Gallery(Observer):
    """Keeps the image, the maps and the tokens of a few records, for the leaderboard's page: `--gallery N`."""

    name: ClassVar[str] = "gallery"
    folder: ClassVar[str] = FOLDER

    class Options(NoOptions):
        records: Annotated[
            int, Field(ge=1, description="of so many records, as many of each model and mode, evenly spread")
        ] = 12

    options: Options

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__(options)
        self._chosen: frozenset[RecordKey] = frozenset()
        self._taken: set[RecordKey] = set()

    @classmethod
    def asked(cls, settings: Any) -> Mapping[str, Any] | None:
        return {"records": settings.gallery} if settings.gallery else None

    def begin(self, records: Sequence[RecordKey]) -> None:
        self._chosen = records_to_show(records, self.options.records)

    def observe(self, explained: Explained) -> Mapping[str, bytes]:
        record, case, place = explained.record, explained.case, explained.place
        if record not in self._chosen or case is None or place is None:
            return {}
        files: dict[str, bytes] = {}
        if record not in self._taken:
            self._taken.add(record)
            facts = {"tokens": _tokens(case)}
            grey = (case.image == case.image[..., :1]).all()
            files[f"{file_id(*record)}.png"] = _png(case.image[..., 0] if grey else case.image)
            files[f"{file_id(*record)}.json"] = json.dumps(facts).encode("ascii") + b"\n"
        said = explained.attribution
        if said is not None and said.saliency is not None:
            files[f"{file_id(*record, explained.attributor)}.png"] = _png(_grey(said.saliency, case.content))
        return files


def records_to_show(records: Sequence[RecordKey], count: int) -> frozenset[RecordKey]:
    """``count`` of the records, as many of each model and mode as of any other, evenly spread."""
    from harness.run.subset import thin

    groups: dict[tuple[str, str], list[RecordKey]] = {}
    for record in records:
        groups.setdefault((record.model, record.mode), []).append(record)
    return frozenset(record for chosen in thin(groups, count).values() for record in chosen)


def _tokens(case: Case) -> list[str] | None:
    if "score" not in case.model.capabilities:
        return None
    try:
        return [str(token) for token in case.model.tokens(case.answer)]
    except Exception:  # a picture that lacks its tokens must not end a run
        return None


def _grey(saliency: np.ndarray, content: Box) -> np.ndarray:
    """A map as 0..255 within the image, 0 in the padding."""
    import numpy as np

    from harness.imaging.saliency import unit_heat

    heat, (x0, y0) = unit_heat(saliency, content)
    grey = np.zeros(np.shape(saliency), np.uint8)
    grey[y0 : y0 + heat.shape[0], x0 : x0 + heat.shape[1]] = np.round(255 * heat)
    return grey


def _png(pixels: np.ndarray) -> bytes:
    from io import BytesIO

    import numpy as np
    from PIL import Image

    buffer = BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
