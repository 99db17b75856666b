"""Kept maps: what a method said about one record, in a small file, from which it can be measured anew.

A file holds ``map``, float16 [side, side], scaled to 0..1 (or, of a map of both signs, to -1..1), with ``low`` and
``high``, the values that 0 and 1 stand for (absent where the method gave boxes alone); ``boxes``, float64 [B, 4], its
own boxes in the frame (absent where it gave a map alone); ``concept`` and ``token_scores`` where it said them. NumPy
reads it: ``numpy.load(path)``.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.contracts.attributor import Attribution
from harness.contracts.explained import Explained
from harness.contracts.observer import Observer, file_id
from harness.errors import HarnessError, one_line
from harness.files import read_regular
from harness.imaging.frame import FRAME_SIDE, to_boxes
from harness.run.row import ResultKey, Row

FOLDER = "maps"
_MOST = 16 << 20  # bytes of a file that is still read: somebody else's may be anything


class KeptMaps(Observer):
    """Keeps what every method said, for `harness rescore` and for programs of yours: `--keep-maps`.

    One compressed file a result, some 10 to 60 kB where there is a map. Maps can show the image that they are about:
    do not pass those of credentialed data sets on.
    """

    name: ClassVar[str] = "kept-maps"
    folder: ClassVar[str] = FOLDER

    @classmethod
    def asked(cls, settings: Any) -> Mapping[str, Any] | None:
        return {} if settings.keep_maps else None

    def observe(self, explained: Explained) -> Mapping[str, bytes]:
        if explained.attribution is None:
            return {}
        return {name_of(ResultKey(*explained.record, explained.attributor)): encode(explained.attribution)}


def map_path(folder: Path, key: ResultKey) -> Path:
    """Where the map of a result lies in a run's folder."""
    return folder / FOLDER / name_of(key)


def name_of(key: ResultKey) -> str:
    """What the file of a result is called: a digest of its key, as labels are no file names everywhere."""
    return f"{file_id(*key)}.npz"


def encode(said: Attribution) -> bytes:
    """What a method said, as the bytes of a file; the same for the same."""
    arrays: dict[str, np.ndarray] = {}
    if said.saliency is not None:
        values = np.asarray(said.saliency, np.float64)
        low, high = float(values.min()), float(values.max())
        if low < 0 < high:  # what is zero stays zero, not a rounding error above it
            low, high = 0.0, max(-low, high)
        unit = (values - low) / (high - low) if high > low else np.zeros_like(values)
        arrays |= {"map": unit.astype(np.float16), "low": np.float64(low), "high": np.float64(high)}
    if said.boxes is not None:
        arrays["boxes"] = np.asarray([list(box) for box in said.boxes], np.float64).reshape(-1, 4)
    if said.concept is not None:
        arrays["concept"] = np.array(said.concept)
    if said.token_scores is not None:
        arrays["token_scores"] = np.asarray(said.token_scores, np.float64)
    return _npz(arrays)


def _npz(arrays: dict[str, np.ndarray]) -> bytes:
    """As ``numpy.savez_compressed`` writes it, but for the time, which would differ from run to run."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
            about = zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            about.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(about, member.getvalue())
    return buffer.getvalue()


def read_map(folder: Path, row: Row) -> Attribution:
    """What the method of a row said. Raises ``HarnessError`` where it was not kept, or the file is none of these."""
    path = map_path(folder, row.key)
    try:
        if path.parent.is_symlink():
            raise OSError(0, "its folder is a link, and only plain folders are read")
        data = io.BytesIO(read_regular(path, _MOST))
        with zipfile.ZipFile(data) as archive:  # a small file may hold gigabytes of nothing
            if sum(member.file_size for member in archive.infolist()) > _MOST:
                raise ValueError(f"it holds more than {_MOST} bytes")
        with np.load(data, allow_pickle=False) as found:
            return _decode({name: found[name] for name in found.files})
    except FileNotFoundError:
        raise HarnessError(
            f"There is no map of {row.attributor!r} on sample {row.index} of {row.source!r} ({row.model!r}, "
            f"{row.mode}) in {folder}; run `harness eval` with --keep-maps."
        ) from None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise HarnessError(f"The kept map {path} cannot be read ({one_line(error)}); run that part again.") from error


def _decode(found: dict[str, Any]) -> Attribution:
    saliency = None
    if "map" in found:
        unit = np.asarray(found["map"], np.float64)
        if unit.shape != (FRAME_SIDE, FRAME_SIDE) or not np.isfinite(unit).all():
            raise ValueError(f"its map has shape {unit.shape}, or holds what is no number")
        low, high = float(found["low"]), float(found["high"])
        saliency = low + unit * (high - low)
    boxes = to_boxes(np.asarray(found["boxes"], np.float64).reshape(-1, 4).tolist()) if "boxes" in found else None
    if saliency is None and boxes is None:
        raise ValueError("it holds neither map nor boxes")
    tokens = [float(score) for score in found["token_scores"]] if "token_scores" in found else None
    concept = str(found["concept"]) if "concept" in found else None
    return Attribution(saliency=saliency, boxes=boxes, concept=concept, token_scores=tokens)
