"""The contract of a data source: it yields annotated findings and reads their images."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from harness.contracts.mode import Mode, question
from harness.contracts.plugin import NoOptions, Plugin
from harness.imaging.frame import Box

# What annotators draw boxes about: the finding itself, or the region of the body that has it.
Annotates = Literal["finding", "region"]
# Further truths: boxes of the regions that hold the finding; of what a reader would take for the cause, where the cause
# is something else; of other findings, which the question is not about.
TruthKind = Literal["region", "plausible", "others"]


@dataclass(frozen=True)
class Sample:
    """One annotated finding in one image.

    Attributes
    ----------
    source, index
        The source's name, and the sample's position in its order, which MedGround-Bench records refer to.
    image
        The image's name in the source.
    attribute
        The finding, as the question names it.
    boxes
        The true boxes, half-open, in native pixels; none where they depend on the size of an image that is missing.
    answer
        The right answer.
    concepts
        The anatomical concepts that are right answers to where the cause is, where the source knows them (the phantom
        does, clinical data sets do not).
    truths
        Further true boxes by kind, where the source knows them.
    """

    source: str
    index: int
    image: str
    attribute: str
    boxes: tuple[Box, ...]
    answer: str = "yes"
    concepts: tuple[str, ...] = ()
    truths: Mapping[TruthKind, tuple[Box, ...]] = field(default_factory=dict, hash=False)

    def question(self, mode: Mode) -> str:
        """The question asked about this sample."""
        return question(self.attribute, mode)


@dataclass(frozen=True)
class DataPath:
    """A file or folder that users bring for a source.

    ``path`` is relative to the data root, with forward slashes; ``holds`` says what is there, ``origin`` who
    gives it on what terms, and ``url`` where.
    """

    path: str
    holds: str
    origin: str
    url: str


class Source(Plugin):
    """A source of samples under one data root.

    ``bench`` names a folder of MedGround-Bench records (``direct.json``, ``reasoning.json``) that ships with the
    source, if any; a source that has one can be evaluated with no further data. ``data``: the files and folders
    that users bring, none where the source needs no data. ``editor`` names the editor that makes its counterfactuals
    where the user names none. ``licence`` says, for the card of a benchmark that is built from it, on what terms its
    images and annotations may be used, and ``redistributable`` whether they may be passed on to anybody. ``annotates``:
    what its samples' boxes are drawn about, which decides a ranking as much as the methods do.

    Each walk through ``samples`` leaves behind what its caller should tell the user (see ``notes``):
    ``unreadable``, the images whose samples were left out of the order because the image is broken, and why;
    ``left_out``, the annotations that cannot be read, each in a sentence that names it; ``remarks``, sentences about
    anything else.
    """

    bench: ClassVar[Path | None] = None
    data: ClassVar[tuple[DataPath, ...]] = ()
    editor: ClassVar[str | None] = None
    licence: ClassVar[str] = "not stated: ask its publisher before you pass anything on"
    redistributable: ClassVar[bool] = False
    annotates: ClassVar[Annotates] = "finding"

    def __init__(self, options: NoOptions | None = None, data_root: Path | None = None) -> None:
        super().__init__(options)
        self.data_root = data_root
        self.unreadable: dict[Path, str] = {}
        self.left_out: list[str] = []
        self.remarks: list[str] = []

    @abstractmethod
    def samples(self) -> Iterator[Sample]:
        """All samples in the source's order; ``sample.index`` counts from 0 in steps of 1."""

    @abstractmethod
    def image(self, sample: Sample) -> np.ndarray:
        """The sample's image in native pixels, uint8 [height, width, 3].

        Raises :class:`harness.errors.HarnessError` where the file is missing or cannot be read.
        """

    def image_path(self, sample: Sample) -> Path | None:
        """The file that ``image`` reads, be it there or not; None where the image comes from no file."""
        return None

    def mask(self, sample: Sample) -> np.ndarray | None:
        """The pixels that are known to hold the cause, bool [height, width], native; None where that is not known.

        Read only where a metric of the run needs it.
        """
        return None

    def priors(self, sample: Sample) -> dict[str, tuple[Box, ...]]:
        """Where the causes of such questions lie on average, native pixels, by what the guess knows; empty here.

        ``question``: the best constant boxes of the attribute in the film. ``pose``: the best ones in the body, put
        where this film has them by its true pose. Both fitted on patients of whom no sample is; the controls
        `question-prior` and `body-prior` answer with them.
        """
        return {}

    def truths(self, sample: Sample) -> dict[str, tuple[Box, ...]]:
        """The sample's further truths; where annotators box regions, its boxes are the regions'."""
        regions = {"region": sample.boxes} if self.annotates == "region" else {}
        return {**regions, **{str(kind): boxes for kind, boxes in sample.truths.items()}}

    def notes(self) -> list[str]:
        """What the user should know about the last walk through ``samples``, in sentences."""
        if not self.unreadable:
            return list(self.remarks)
        return [
            *self.remarks,
            f"{self.name}: broken images, whose samples are left out: {len(self.unreadable)}. All later samples "
            "have lower numbers for it, which is right only if the benchmark was built without them too; if "
            f"your copy is damaged, get them again. The first: {next(iter(self.unreadable.values()))}",
        ]


def read_sample(source: Source, sample: Sample) -> np.ndarray:
    """The sample's image as :meth:`Source.image` gives it. Raises ``ValueError`` where that is not as promised."""
    image = source.image(sample)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise ValueError(f"the source gave an image {image.dtype} {image.shape}, not uint8 [h, w, 3]")
    return image
