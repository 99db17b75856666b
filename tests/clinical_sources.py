"""What the tests of the clinical sources share: how to make one of malformed annotations, and what it then says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import data_trees as trees
import pytest
from hypothesis import HealthCheck, settings

from harness.errors import HarnessError
from plugins.sources.files import FileSource
from plugins.sources.imagenome import ImaGenome
from plugins.sources.padchest_gr import PadChestGR
from plugins.sources.vindr_cxr import VinDrCXR

WRITERS: dict[type[FileSource], Callable[[Path], list[trees.Expected]]] = {
    ImaGenome: trees.write_imagenome,
    VinDrCXR: trees.write_vindr_cxr,
    PadChestGR: trees.write_padchest_gr,
}
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def said(source: FileSource) -> list[tuple[Any, ...]]:
    """What a source yields, as data_trees puts it down; the indices are checked."""
    samples = list(source.samples())
    assert [sample.index for sample in samples] == list(range(len(samples)))
    assert {sample.source for sample in samples} <= {source.name}
    return [(sample.image, sample.attribute, [tuple(box) for box in sample.boxes]) for sample in samples]


def refusal(source: FileSource) -> str:
    """The one sentence or two that a source refuses its annotations with."""
    with pytest.raises(HarnessError) as raised:
        list(source.samples())
    return str(raised.value)


def left_out(source: FileSource) -> tuple[str, list[tuple[Any, ...]]]:
    """The sentence on the one annotation that a source leaves out, and what it yields; its note says the same."""
    found = said(source)
    (sentence,) = source.left_out
    (note,) = source.notes()
    assert "cannot be read, left out: 1." in note and sentence in note and "\n" not in note and len(note) < 600
    assert sentence.endswith(("download it again.", "the file again."))
    return sentence, found


def gold(root: Path, *rows: list[str], columns: tuple[str, ...] = trees.GOLD_COLUMNS) -> ImaGenome:
    trees.write_table(root / trees.GOLD, columns, rows, "\t")
    return ImaGenome(data_root=root)


def vindr(root: Path, *rows: tuple[Any, ...]) -> VinDrCXR:
    trees.write_table(root / trees.VINDR, trees.VINDR_COLUMNS, rows, ",")
    return VinDrCXR(data_root=root)


def padchest(root: Path, studies: Any) -> PadChestGR:
    (root / trees.PADCHEST).write_text(json.dumps(studies))
    return PadChestGR(data_root=root)


def spoil(cls: type[FileSource], write: Callable[[Path], Any], root: Path, keep: int, content: bytes) -> Path:
    """Make a source's tree where it is not there; then its table is so much of the good one and this after it."""
    if not root.exists():
        write(root)
        (root / "good").write_bytes((root / cls.data[0].path).read_bytes())
    path = root / cls.data[0].path
    path.write_bytes((root / "good").read_bytes()[:keep] + content)
    return path
