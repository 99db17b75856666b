"""A built benchmark as a Hugging Face data set: one Parquet file a mode, which ``datasets.load_dataset`` opens.

Every question is a row, dropped ones too. Images are embedded only where asked for, and then only with survivors:
a dropped question has not all of them, and they are by far the largest part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from harness.building.causal import GATES
from harness.building.edits import png
from harness.building.gates import Judged
from harness.building.versions import Version, Versions
from harness.contracts.mode import Mode
from harness.contracts.source import Sample
from harness.errors import HarnessError

BATCH = 64  # rows in memory at a time, with up to four images each

# The column of each version's image, by the record's text about it; its file's name is in "path" likewise.
COLUMNS = {gate.text: gate.text.replace("prediction", "image") for gate in GATES}


def check_installed() -> None:
    """Raise ``HarnessError`` where a library is missing that :func:`write_parquet` needs."""
    for library in ("datasets", "pyarrow"):
        if find_spec(library) is None:
            raise HarnessError(
                f"A benchmark is written by {library}, which is not installed; "
                "`pip install medground-harness` brings it."
            )


def write_parquet(folder: Path, judged: Sequence[Judged], mode: Mode, versions: Versions | None) -> None:
    """Write ``MODE.parquet``, which appears whole or not at all; the same questions, judged, give the same bytes.

    Parameters
    ----------
    folder
        Where it goes.
    judged
        The questions of all modes; those of this one are the rows, in their order.
    mode
        How they were answered.
    versions
        Where the survivors' images come from, to embed them; None embeds none.

    Raises
    ------
    HarnessError
        Where the file cannot be written, or an image cannot be read again.
    """
    import pyarrow
    from pyarrow import parquet

    schema = features().arrow_schema
    rows = iter([one for one in judged if one.record.mode == mode])
    draft = folder / f".{mode}.parquet.part"
    images = _images(versions) if versions is not None else _no_images
    try:
        with parquet.ParquetWriter(draft, schema) as writer:
            while batch := list(islice(rows, BATCH)):
                table = pyarrow.Table.from_pylist([_row(one) | images(one) for one in batch], schema)
                writer.write_table(table)
        draft.replace(folder / f"{mode}.parquet")
    except OSError as error:
        raise HarnessError(f"The data set cannot be written to {folder}: {error.strerror or error}.") from error
    finally:
        draft.unlink(missing_ok=True)


def features() -> Any:
    """The columns and their types, as ``datasets.Features``."""
    from datasets import Features, Image, Sequence, Value

    text = Value("string")
    return Features(
        {
            "model": text,
            "source": text,
            "index": Value("int64"),
            "mode": text,
            "attribute": text,
            "question": text,
            "answer": text,
            "boxes": Sequence(Sequence(Value("float64"), length=4)),
            **{gate.text: text for gate in GATES},
            "dropped": text,
            "error": text,
            "flips_under": Sequence(text),
            **{_path(column): text for column in COLUMNS.values()},
            **{column: Image() for column in COLUMNS.values()},
        }
    )


def _path(column: str) -> str:
    return column.replace("image", "path")


def _row(one: Judged) -> dict[str, Any]:
    """One row without its images."""
    record, sample = one.record, one.question.sample
    return {
        "model": record.model,
        "source": record.dataset,
        "index": record.index,
        "mode": record.mode,
        "attribute": sample.attribute,
        "question": sample.question(record.mode),
        "answer": record.answer,
        "boxes": [list(map(float, box)) for box in sample.boxes],
        **{gate.text: getattr(record, gate.text) for gate in GATES},
        "dropped": one.dropped,
        "error": one.failures[0].error if one.failures else None,
        "flips_under": one.flips if one.controls else None,
        **{_path(column): one.files[text] for text, column in COLUMNS.items()},
        "path": sample.image,
    }


Pictures = dict[str, Any]


def _no_images(_: Judged) -> Pictures:
    return dict.fromkeys(COLUMNS.values())


def _images(versions: Versions) -> Callable[[Judged], Pictures]:
    """The four images of a survivor as PNG. All rows of a sample share them, so that they are encoded once."""
    last: tuple[Sample | None, Pictures] = None, {}

    def images(one: Judged) -> Pictures:
        nonlocal last
        sample = one.question.sample
        if one.dropped is not None:
            return _no_images(one)
        if sample != last[0]:
            last = sample, dict(_encoded(versions, sample))
        return last[1]

    return images


def _encoded(versions: Versions, sample: Sample) -> Iterator[tuple[str, Any]]:
    for text, version in versions.of(sample, COLUMNS).items():
        if not isinstance(version, Version):
            raise HarnessError(
                f"An image of sample {sample.index} of {sample.source!r} cannot be read again: {version.error}"
            )
        yield COLUMNS[text], {"bytes": png(version.pixels), "path": None}
