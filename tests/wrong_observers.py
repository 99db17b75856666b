"""Observers, each wrong in one way, by the name of the one check that it must fail."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from harness.contracts.case import RecordKey
from harness.contracts.explained import Explained
from harness.contracts.observer import Observer, file_id


class Right(Observer):
    """Keeps the first box of every result that has one; right in every way."""

    name: ClassVar[str] = "right"
    folder: ClassVar[str] = "first-boxes"

    def observe(self, explained: Explained) -> Any:
        return {self.called(explained): self.text(explained)} if explained.boxes else {}

    def called(self, explained: Explained) -> str:
        return f"{file_id(*explained.record, explained.attributor)}.txt"

    def text(self, explained: Explained) -> Any:
        return repr(explained.boxes[0]).encode()


class FolderAbove(Right):
    """Writes beside the run."""

    folder: ClassVar[str] = "../boxes"


class AskedYes(Right):
    """Says yes instead of how."""

    @classmethod
    def asked(cls, settings: Any) -> Any:
        return True


class CannotBegin(Right):
    """Wants records of two models."""

    def begin(self, records: Sequence[RecordKey]) -> None:
        first, other = {record.model for record in records}
        assert first != other


class KeepsText(Right):
    """Text is no bytes."""

    def text(self, explained: Explained) -> Any:
        return repr(explained.boxes[0])


class KeepsAList(Right):
    """Bytes without names."""

    def observe(self, explained: Explained) -> Any:
        return [b"box"]


class NamedByRecord(Right):
    """A model's label becomes a path."""

    def called(self, explained: Explained) -> str:
        return f"{explained.record.model}-{explained.record.index}.txt"


class OneFile(Right):
    """Each result takes the last one's place."""

    def called(self, explained: Explained) -> str:
        return f"{file_id('the same')}.txt"


class TellsTheTime(Right):
    """Two runs of one command keep other bytes."""

    def text(self, explained: Explained) -> bytes:
        return str(time.perf_counter_ns()).encode()


class Scribbles(Right):
    """Normalises the map where it lies."""

    def text(self, explained: Explained) -> bytes:
        if explained.attribution is not None and explained.attribution.saliency is not None:
            explained.attribution.saliency /= 2
        return super().text(explained)


class OneBox(Right):
    """Has room for two boxes."""

    def text(self, explained: Explained) -> bytes:
        np.zeros(2)[: len(explained.boxes)] = [box.area for box in explained.boxes]
        return super().text(explained)


class NeedsAnAttribution(Right):
    """Takes each result for a success."""

    def observe(self, explained: Explained) -> Mapping[str, bytes]:
        if explained.place is not None:
            assert explained.attribution is not None
        return super().observe(explained)


class NeedsAnImage(Right):
    """Takes each image for read."""

    def observe(self, explained: Explained) -> Mapping[str, bytes]:
        assert explained.place is not None
        return super().observe(explained)


OBSERVERS: list[tuple[str, type[Observer]]] = [
    ("contract", FolderAbove), ("contract", AskedYes), ("begins", CannotBegin), ("keeps bytes", KeepsText),
    ("keeps bytes", KeepsAList), ("plain names", NamedByRecord), ("own files", OneFile), ("repeatable", TellsTheTime),
    ("leaves the result alone", Scribbles), ("all that methods say", OneBox), ("failed result", NeedsAnAttribution),
    ("unread image", NeedsAnImage),
]  # fmt: skip
