"""Sources, each wrong in one way, by the name of the one check that it must fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.contracts.source import Sample, Source
from harness.errors import HarnessError
from harness.imaging.frame import Box


class Squares(Source):
    """Three grey images with a square each; right in every way."""

    name: ClassVar[str] = "squares"
    shown: ClassVar[int] = 0

    def samples(self) -> Iterator[Sample]:
        for index in range(3):
            yield Sample(self.name, index, f"{index}.png", "lung mass", (Box(10, 20, 30, 40),))

    def image(self, sample: Sample) -> Any:
        image = np.full((60, 50, 3), 90, np.uint8)
        image[20:40, 10:30] = 200
        return image


class NoBench(Squares):
    """Its benchmark is nowhere."""

    bench: ClassVar[Path | None] = Path("/nowhere/at/all")


class Altered(Squares):
    """Samples with something replaced."""

    new: ClassVar[dict[str, Any]] = {}

    def samples(self) -> Iterator[Sample]:
        for sample in super().samples():
            yield replace(sample, **self.new)


class NoSamples(Squares):
    """Nothing there."""

    def samples(self) -> Iterator[Sample]:
        yield from ()


class NoData(Squares):
    """Its file is not there."""

    def samples(self) -> Iterator[Sample]:
        raise HarnessError("There is no annotations.csv; give its folder by --data-root.")
        yield


class NoImage(Squares):
    """An image cannot be read."""

    def image(self, sample: Sample) -> Any:
        raise OSError("no such file")


class NoBoxes(Altered):
    """Samples that nothing could point at."""

    new: ClassVar[dict[str, Any]] = {"boxes": ()}


class FromOne(Squares):
    """Counts from one."""

    def samples(self) -> Iterator[Sample]:
        for sample in super().samples():
            yield replace(sample, index=sample.index + 1)


class Anonymous(Altered):
    """Bears another name."""

    new: ClassVar[dict[str, Any]] = {"source": "somewhere"}


class Shuffled(Squares):
    """Another order each time."""

    def samples(self) -> Iterator[Sample]:
        type(self).shown += 1
        for sample in super().samples():
            yield replace(sample, image=f"{self.shown}.png")


class Grey(Squares):
    """Images without channels."""

    def image(self, sample: Sample) -> Any:
        return super().image(sample)[..., 0]


class OneArray(Squares):
    """Hands out its own array."""

    def image(self, sample: Sample) -> Any:
        if not hasattr(self, "kept"):
            self.kept = super().image(sample)
        return self.kept


class EmptyBox(Altered):
    """A box whose last pixel is its first."""

    new: ClassVar[dict[str, Any]] = {"boxes": (Box(10, 20, 10, 40),)}


class BoxOutside(Altered):
    """A box in another image's pixels."""

    new: ClassVar[dict[str, Any]] = {"boxes": (Box(10, 20, 300, 400),)}


SOURCES: list[tuple[str, type[Source]]] = [
    ("contract", NoBench), ("yields samples", NoSamples), ("yields samples", NoBoxes),
    ("yields samples", NoData), ("readable images", NoImage), ("counted from zero", FromOne),
    ("says where from", Anonymous), ("listed alike", Shuffled), ("readable images", Grey), ("same images", OneArray),
    ("sound boxes", EmptyBox), ("boxes inside", BoxOutside),
]  # fmt: skip
