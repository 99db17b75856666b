"""A built benchmark as a Hugging Face data set: one Parquet file a mode, which ``datasets.load_dataset`` opens.

Every question is a row, dropped ones too. Images are embedded only where asked for, and then only with survivors:
a dropped question has not all of them, and they are by far the largest part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from harness.bench.causal import GATES
from harness.building.edits import png
from harness.building.gates import Outcome
from harness.building.versions import View, Views
from harness.contracts.mode import Mode
from harness.contracts.source import Sample
from harness.errors import HarnessError

BATCH = 64  # rows in memory at a time, with up to four images each

# The column of each view's image, by the record's text about it; its file's name is in "path" likewise.
COLUMNS = {gate.text: gate.text.replace("prediction", "image") for gate in GATES}


def write_parquet(folder: Path, found: Sequence[Outcome], mode: Mode, views: Views | None) -> None:
    """Write ``MODE.parquet`` with all outcomes of a mode, in their order; the same outcomes give the same bytes.

    ``views``: where the images come from, to embed them; None for none. The file appears whole or not at all.
    Raises ``HarnessError`` where it cannot be written or an image cannot be read again.
    """
    import pyarrow
    from pyarrow import parquet

    schema = features().arrow_schema
    rows = iter([outcome for outcome in found if outcome.record.mode == mode])
    draft = folder / f".{mode}.parquet.part"
    images = _images(views) if views is not None else _no_images
    try:
        with parquet.ParquetWriter(draft, schema) as writer:
            while batch := list(islice(rows, BATCH)):
                table = pyarrow.Table.from_pylist([_row(outcome) | images(outcome) for outcome in batch], schema)
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


def _row(outcome: Outcome) -> dict[str, Any]:
    """One row without its images."""
    record, sample = outcome.record, outcome.question.sample
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
        "dropped": outcome.dropped,
        "error": outcome.failures[0]["error"] if outcome.failures else None,
        "flips_under": outcome.flips if outcome.controls else None,
        **{_path(column): outcome.files[text] for text, column in COLUMNS.items()},
        "path": sample.image,
    }


Pictures = dict[str, Any]


def _no_images(_: Outcome) -> Pictures:
    return dict.fromkeys(COLUMNS.values())


def _images(views: Views) -> Callable[[Outcome], Pictures]:
    """The four images of a survivor as PNG. All rows of a sample share them, so that they are encoded once."""
    last: tuple[Sample | None, Pictures] = None, {}

    def images(outcome: Outcome) -> Pictures:
        nonlocal last
        sample = outcome.question.sample
        if outcome.dropped is not None:
            return _no_images(outcome)
        if sample != last[0]:
            last = sample, dict(_encoded(views, sample))
        return last[1]

    return images


def _encoded(views: Views, sample: Sample) -> Iterator[tuple[str, Any]]:
    for text, view in views.of(sample, COLUMNS).items():
        if not isinstance(view, View):
            raise HarnessError(
                f"An image of sample {sample.index} of {sample.source!r} cannot be read again: {view.error}"
            )
        yield COLUMNS[text], {"bytes": png(view.pixels), "path": None}
