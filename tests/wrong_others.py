"""Editors, models and sources, each wrong in one way, by the name of the one check that it must fail."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.editor import Editor, Region, region_mask
from harness.errors import HarnessError
from harness.geometry import Box
from harness.model import Capability, Capture, Model, Trace
from harness.source import Sample, Source
from harness.testing import RegionModel


class Paint(Editor):
    """Paints the region, with a little noise; right in every way."""

    name: ClassVar[str] = "paint"

    def edit(
        self, image: np.ndarray, boxes: Sequence[Box], prompt: str, region: Region = "foreground", seed: int = 0,
        sample: Sample | None = None,
    ) -> Any:  # fmt: skip
        mask = region_mask(image.shape, boxes, region)
        noise = np.random.default_rng(seed).integers(10, 20, image.shape)
        return self.finish(np.where(mask[..., None], noise, image).astype(np.uint8), image, mask, boxes, region)

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], region: str) -> Any:
        return edited


class Latent(Paint):
    """Moves all pixels by one grey level, and says so."""

    tolerance = 1

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], region: str) -> Any:
        return np.where(edited > 0, edited - 1, 1).astype(np.uint8)


class VagueTolerance(Paint):
    """A tolerance that is no number of grey levels."""

    tolerance: Any = "small"


class Crop(Paint):
    """Returns the boxes' surroundings alone."""

    def finish(self, edited: np.ndarray, *_: Any) -> Any:
        return edited[5:-5]


class Floats(Paint):
    """Returns values in 0..1."""

    def finish(self, edited: np.ndarray, *_: Any) -> Any:
        return edited / 255


class InPlace(Paint):
    """Edits the image that it is given."""

    def finish(self, edited: np.ndarray, image: np.ndarray, *_: Any) -> Any:
        image[:] = edited
        return image


class OtherEachTime(Paint):
    """Ignores the seed."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, *_: Any) -> Any:
        edited[mask] = np.random.default_rng().integers(0, 255, (np.count_nonzero(mask), 3))
        return edited


class GlobalNoise(Paint):
    """Draws from numpy's global generator."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, *_: Any) -> Any:
        edited[mask] = np.random.randint(0, 255, (np.count_nonzero(mask), 3))  # noqa: NPY002
        return edited


class Bleeds(Paint):
    """Its foreground reaches a pixel further."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Any, region: str) -> Any:
        if region == "foreground":
            edited[np.roll(mask, 1, axis=1)] = 0
        return edited


class PaintsAll(Paint):
    """Its background is the whole image."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Any, region: str) -> Any:
        return edited * 0 if region == "background" else edited


class Margin(Paint):
    """Needs a margin about each box."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], *_: Any) -> Any:
        if any(box.x0 == 0 for box in boxes) and len(boxes) == 2:
            raise IndexError("no margin")
        return edited


class NeedsTheRest(Paint):
    """Cannot do without a part to keep."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, *_: Any) -> Any:
        return edited if mask.any() and not mask.all() else None


class WholePixels(Paint):
    """Takes edges for whole numbers."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], *_: Any) -> Any:
        for box in boxes:
            if round(box.x1) == round(box.x0):
                edited[round(box.x1)] = 0
        return edited


class OneBox(Paint):
    """Keeps no more boxes than two."""

    def finish(self, edited: np.ndarray, image: np.ndarray, mask: np.ndarray, boxes: Sequence[Box], *_: Any) -> Any:
        return edited if len(boxes) < 3 else edited // 2


EDITORS: list[tuple[str, type[Editor]]] = [
    ("contract", VagueTolerance), ("same form", Crop), ("same form", Floats), ("leaves the input alone", InPlace),
    ("repeatable", OtherEachTime), ("own randomness", GlobalNoise), ("foreground keeps outside", Bleeds),
    ("background keeps inside", PaintsAll), ("boxes at the edge", Margin), ("whole image", NeedsTheRest),
    ("tiny box", WholePixels), ("several boxes", OneBox),
]  # fmt: skip


class BlackBox(Model):
    """Answers and does nothing else."""

    name: ClassVar[str] = "black-box"

    def answer(self, image: np.ndarray, question: str) -> str:
        return "Yes"


class UnknownCapability(RegionModel):
    """Offers what nobody asks for."""

    capabilities: ClassVar[Any] = frozenset({"generate", "talk"})


class NoScore(BlackBox):
    """Declares what it has not."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate", "score"})


class OutOfMemory(RegionModel):
    """Fails at what it declares."""

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        raise RuntimeError("out of memory")


class HidesItsScore(RegionModel):
    """Has more than it declares."""

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate", "trace"})


class Bytes(RegionModel):
    """Answers in bytes."""

    def answer(self, image: np.ndarray, question: str) -> Any:
        return b"yes"


class Samples(RegionModel):
    """Decodes by drawing."""

    def answer(self, image: np.ndarray, question: str) -> str:
        return f"yes{np.random.randint(10**6)}"  # noqa: NPY002


class Summed(RegionModel):
    """Scores the answer as a whole."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return super().score(images, question, answer).sum(1)


class Logits(RegionModel):
    """Scores by what is no log-probability."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return super().score(images, question, answer) + 4


class Backwards(RegionModel):
    """Scores a batch in the wrong order."""

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return super().score(images, question, answer)[::-1]


class Stripped(RegionModel):
    """Its tokens have lost their spaces."""

    def tokens(self, answer: str) -> list[str]:
        return [token.strip() for token in super().tokens(answer)]


class Contrary(RegionModel):
    """Answers what it holds unlikely."""

    def answer(self, image: np.ndarray, question: str) -> str:
        return "no"

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        return super().score(images, question, answer) - 0.5 * answer.startswith("no")


class Gap(RegionModel):
    """Its grid leaves the last row out."""

    def image_grid(self, image: np.ndarray) -> list[Box]:
        return [box._replace(y1=min(box.y1, 200)) for box in super().image_grid(image)]


class Overlap(RegionModel):
    """Its image tokens overlap."""

    def image_grid(self, image: np.ndarray) -> list[Box]:
        return [box._replace(x1=min(box.x1 + 3, 224)) for box in super().image_grid(image)]


class HeadsToo(RegionModel):
    """Its rollout is of the wrong shape."""

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        trace = super().trace(image, question, answer, captures)
        return replace(trace, rollout=None if trace.rollout is None else trace.rollout[None])


class NoGradient(RegionModel):
    """Captures hidden states without their gradient."""

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        return replace(super().trace(image, question, answer, captures), hidden_gradient=None)


class OtherLogProbs(RegionModel):
    """Its trace is not of what it scores."""

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        trace = super().trace(image, question, answer, captures)
        return replace(trace, logprobs=trace.logprobs - 1)


class RawGradients(RegionModel):
    """Path gradients that are not times the change."""

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        return np.ones((len(fractions), *image.shape))


class GreyGradients(RegionModel):
    """Path gradients without channels."""

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        return super().path_gradients(image, baseline, fractions, question, answer).sum(-1)


class WritesToTheFrame(RegionModel):
    """Normalises the frame where it lies."""

    def image_grid(self, image: np.ndarray) -> list[Box]:
        image[0] = 0
        return super().image_grid(image)


MODELS: list[tuple[str, type[Model]]] = [
    ("contract", UnknownCapability), ("offers what it declares", NoScore), ("offers what it declares", HidesItsScore),
    ("offers what it declares", OutOfMemory),
    ("answers in text", Bytes), ("repeatable", Samples), ("score has its shape", Summed),
    ("scores are log probabilities", Logits), ("batch equals one by one", Backwards), ("tokens join", Stripped),
    ("greedy", Contrary), ("grid tiles the frame", Gap), ("grid tiles the frame", Overlap),
    ("trace has its shapes", HeadsToo), ("trace has its shapes", NoGradient),
    ("trace agrees with score", OtherLogProbs), ("path gradients have their shape", RawGradients),
    ("path gradients have their shape", GreyGradients), ("leaves the frames alone", WritesToTheFrame),
]  # fmt: skip


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
