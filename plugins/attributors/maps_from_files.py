"""Maps that were made elsewhere, read from a folder by the record that they are about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, ClassVar
from zipfile import BadZipFile

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case, RecordKey
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import FRAME_SIDE

SUFFIXES = (".npy", ".npz", ".png")
_MOST = 64 << 20  # bytes of a file


class MapsFromFiles(Attributor):
    """Reads each record's map from a file, so that maps of any program can be ranked beside the built-in methods.

    In the folder, the map of record 7 of the source vindr_cxr, of the model gemma3-4b in the mode direct, is the first
    of these that is there: vindr_cxr/gemma3-4b/direct/7.npy, vindr_cxr/direct/7.npy, vindr_cxr/7.npy (or .npz, .png). A
    file holds one array of two dimensions, [224, 224]: a value for each pixel of the frame that models see, in which
    the image lies letterboxed. A PNG is grey, of 8 or 16 bits. A map of another size is refused, not resized.
    """

    name: ClassVar[str] = "maps-from-files"
    needs: ClassVar[frozenset[Capability]] = frozenset()

    class Options(NoOptions):
        folder: Annotated[Path, Field(description="where the maps lie")]

    options: Options

    def load(self) -> None:
        if not self.options.folder.is_dir():
            raise HarnessError(
                f"maps-from-files finds no folder {self.options.folder}; give one by -o maps-from-files.folder=DIR."
            )

    def files(self) -> Sequence[Path]:
        # By folder: a header need not list each of thousands of maps.
        return sorted({path.parent for path in self.options.folder.rglob("*") if path.suffix in SUFFIXES})

    def attribute(self, case: Case) -> Attribution:
        if case.record is None:
            raise HarnessError("maps-from-files explains the records of a benchmark; there is none here.")
        for path in candidates(self.options.folder, case.record):
            if path.is_file():
                return Attribution(saliency=read_map(path))
        wanted = next(candidates(self.options.folder, case.record)).with_suffix("")
        raise HarnessError(f"There is no map for this record: no {wanted} ({', '.join(SUFFIXES)}), nor a general one.")


def candidates(folder: Path, record: RecordKey) -> Iterator[Path]:
    """The files that may hold a record's map, the most specific first. Raises for a name with a slash."""
    for part in (record.source, record.model):
        if "/" in part or "\\" in part or part in ("", ".", ".."):
            raise HarnessError(f"{part!r} is no name of a folder.")
    for place in ((record.source, record.model, record.mode), (record.source, record.mode), (record.source,)):
        for suffix in SUFFIXES:
            yield folder.joinpath(*place, f"{record.index}{suffix}")


def read_map(path: Path) -> np.ndarray:
    """The map in a file, float64 [224, 224]. Raises ``HarnessError`` where it holds none."""
    try:
        if path.stat().st_size > _MOST:
            raise ValueError("it is larger than 64 MiB")
        values = _array(path)
    except (OSError, ValueError, SyntaxError, EOFError, BadZipFile) as error:
        raise HarnessError(f"The map {path} cannot be read: {error}.") from error
    if values.shape != (FRAME_SIDE, FRAME_SIDE) or values.dtype.kind not in "biuf":
        raise HarnessError(
            f"The map {path} is {values.dtype} {list(values.shape)}; it must hold numbers [{FRAME_SIDE}, {FRAME_SIDE}]."
        )
    return values.astype(np.float64)


def _array(path: Path) -> np.ndarray:
    if path.suffix == ".png":
        from PIL import Image

        with Image.open(path, formats=("PNG",)) as picture:
            if picture.mode not in ("L", "I", "I;16", "1"):
                raise ValueError(f"its pixels are {picture.mode}, not grey")
            return np.asarray(picture)
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        return found
    with found:
        if len(found.files) != 1:
            raise ValueError(f"it holds {len(found.files)} arrays, not one")
        return np.asarray(found[found.files[0]])


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [MapsFromFiles]
