"""The contract of a data source: it yields annotated findings and reads their images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from harness.geometry import Box
from harness.plugin import NoOptions, Plugin

Mode = Literal["direct", "reasoning"]
MODES: tuple[Mode, ...] = ("direct", "reasoning")

_SUFFIX: dict[str, str] = {
    "direct": "Answer directly with yes or no without any explanation.",
    "reasoning": "Think step by step and answer with yes or no.",
}


def question(attribute: str, mode: Mode) -> str:
    """The benchmark's question about one attribute (paper, section on MedGround-Bench)."""
    return f"Is there evidence of {attribute} in the image? {_SUFFIX[mode]}"


@dataclass(frozen=True)
class Sample:
    """One annotated finding in one image.

    ``index`` is the sample's position in its source's order, which MedGround-Bench records refer to. ``boxes`` are
    half-open and in native pixels. ``concept`` is the anatomical concept that is known to hold the cause, where the
    source knows it (the phantom does, clinical data sets do not).
    """

    source: str
    index: int
    image: str
    attribute: str
    boxes: tuple[Box, ...]
    answer: str = "yes"
    concept: str | None = None

    def question(self, mode: Mode) -> str:
        """The question asked about this sample."""
        return question(self.attribute, mode)


class Source(Plugin):
    """A source of samples under one data root.

    ``bench`` names a folder of MedGround-Bench records (``direct.json``, ``reasoning.json``) that ships with the
    source, if any; a source that has one can be evaluated with no further data. ``shareable`` states that anyone may
    publish its images and what shows them; where a source does not say so, a published page leaves them out.
    """

    bench: ClassVar[Path | None] = None
    shareable: ClassVar[bool] = False

    def __init__(self, options: NoOptions | None = None, data_root: Path | None = None) -> None:
        super().__init__(options)
        self.data_root = data_root

    @abstractmethod
    def samples(self) -> Iterator[Sample]:
        """All samples in the source's order; ``sample.index`` counts from 0 in steps of 1."""

    @abstractmethod
    def image(self, sample: Sample) -> np.ndarray:
        """The sample's image in native pixels, uint8 [height, width, 3].

        Raises :class:`harness.errors.HarnessError` where the file is missing or cannot be read.
        """
