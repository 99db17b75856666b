"""A whole small world as one plugin module: a source, an editor, models and attributors, good and bad."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from harness.bench.records import Record, write_records
from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.editor import Editor, Region, region_mask
from harness.contracts.mode import MODES, Mode
from harness.contracts.model import Capability, Capture, Model, Trace
from harness.contracts.plugin import NoOptions
from harness.contracts.source import Sample, Source
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import FRAME_SIDE, Box, Letterbox
from harness.registry import Registry
from harness.testing.region import RegionModel
from leaderboard import plugin as leaderboard_plugin
from plugins import metrics
from plugins.executors import local

WIDTH, HEIGHT = 200, 400
PLACE = Letterbox(WIDTH, HEIGHT, FRAME_SIDE)
REGION = Box(84, 64, 112, 96)  # where the toy models look, frame pixels
EVIDENCE = PLACE.to_native(REGION)  # 50, 114.3, 100, 171.4
ELSEWHERE = Box(120, 200, 160, 240)
UNREADABLE, DARK, WRONG_BOX, COUNT = 3, 4, 5, 6


class ToySource(Source):
    """Six samples; the last three are unreadable, dark, and boxed in the wrong place."""

    name: ClassVar[str] = "toy"
    bench: ClassVar[Path | None] = None
    reads: ClassVar[list[int]] = []
    walks: ClassVar[list[int]] = []

    def samples(self) -> Iterator[Sample]:
        for index in range(COUNT):
            self.walks.append(index)
            box = ELSEWHERE if index == WRONG_BOX else EVIDENCE
            attribute = "toy nodule" if index % 2 else "toy mass"
            yield Sample("toy", index, f"toy:{index}", attribute, (box,), concepts=("left lung",))

    def image(self, sample: Sample) -> np.ndarray:
        self.reads.append(sample.index)
        if sample.index == UNREADABLE:
            raise HarnessError(f"The image {sample.image} is broken.")
        image = np.random.default_rng(sample.index).integers(60, 100, (HEIGHT, WIDTH, 3), dtype=np.uint8)
        if sample.index != DARK:
            x0, y0, x1, y1 = (round(edge) for edge in EVIDENCE)
            image[y0:y1, x0:x1] = 220
        return image


class ToyEditor(Editor):
    """Paint the region a dark grey; it leaves the bright evidence alone unless that is in the region."""

    name: ClassVar[str] = "toy"
    prompts: ClassVar[list[tuple[str, str]]] = []

    def edit(
        self,
        image: np.ndarray,
        boxes: Sequence[Box],
        prompt: str,
        region: Region = "foreground",
        seed: int = 0,
        sample: Sample | None = None,
    ) -> np.ndarray:
        self.prompts.append((prompt, region))
        return np.where(region_mask(image.shape, boxes, region)[..., None], 20, image).astype(np.uint8)


class ToyModel(RegionModel):
    """Says yes where its region is bright."""

    name: ClassVar[str] = "toy"
    aliases: ClassVar[tuple[str, ...]] = ("toy_1b",)
    loads: ClassVar[list[str]] = []
    scored: ClassVar[list[int]] = []

    def __init__(self, options: NoOptions | None = None) -> None:
        super().__init__(REGION)

    def load(self) -> None:
        self.loads.append(self.name)

    def brightness(self, image: np.ndarray) -> float:
        return super().brightness(image) * 0.5

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        self.scored.append(len(images))
        return super().score(images, question, answer)


class ToyBlackBox(ToyModel):
    """Answers and does nothing else."""

    name: ClassVar[str] = "black-box"
    aliases: ClassVar[tuple[str, ...]] = ()
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate"})


class ToyBroken(ToyModel):
    """Cannot be loaded."""

    name: ClassVar[str] = "no-weights"
    aliases: ClassVar[tuple[str, ...]] = ()

    def load(self) -> None:
        raise OSError("no such checkpoint")


class Good(Attributor):
    """Points at the evidence, by name."""

    name: ClassVar[str] = "good"

    def attribute(self, case: Case) -> Attribution:
        halves = [0.5 for _ in case.model.tokens(case.answer)]
        return Attribution(
            boxes=[REGION],
            concept="left lung",
            concept_scores={"left lung": float(-case.original.sum()), "right lung": 0.0},
            token_scores=halves,
            concept_token_scores={"left lung": halves, "right lung": [0.0 for _ in halves]},
        )


class Map(Attributor):
    """A noisy map about the evidence, from the global generator: only the harness can make it repeatable."""

    name: ClassVar[str] = "map"

    class Options(NoOptions):
        """One option."""

        blur: int = 4

    def attribute(self, case: Case) -> Attribution:
        noise = np.random.random((FRAME_SIDE, FRAME_SIDE)) * 0.1  # noqa: NPY002
        hidden = case.image.copy()
        hidden[:100] = 0
        drop = case.original.sum() - case.score([hidden])[0].sum()
        noise[64:96, 84:112] += abs(drop) + np.random.default_rng(case.seed).random()
        return Attribution(saliency=noise)


class Traces(Attributor):
    """Uses the trace."""

    name: ClassVar[str] = "traces"
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"rollout"})

    def attribute(self, case: Case) -> Attribution:
        assert case.trace.rollout is not None
        return Attribution(saliency=case.spread(case.trace.rollout.mean(0)), fallback=True, boxes=None)


class AnswersOnly(Attributor):
    """Needs only answers."""

    name: ClassVar[str] = "answers-only"
    needs: ClassVar[frozenset[Capability]] = frozenset({"generate"})

    def attribute(self, case: Case) -> Attribution:
        case.image[:] = 0  # its own copy: harms no other attributor
        return Attribution(boxes=[case.content], fallback=True)


class Bad(Attributor):
    """Misbehaves as its option says."""

    name: ClassVar[str] = "bad"

    class Options(NoOptions):
        """How."""

        how: str = "raise"

    options: Options  # type: ignore[assignment]

    def attribute(self, case: Case) -> Attribution:
        flat = np.zeros((FRAME_SIDE, FRAME_SIDE))
        answers: dict[str, Attribution] = {
            "nan": Attribution(saliency=np.full_like(flat, np.nan)),
            "nan-box": Attribution(boxes=[Box(0, 0, float("nan"), 9)]),
            "nan-score": Attribution(boxes=[REGION], concept_scores={"heart": float("nan")}),
            "shape": Attribution(saliency=np.zeros((7, 7))),
            "inverted": Attribution(boxes=[Box(50, 50, 20, 60)]),
            "empty": Attribution(boxes=[REGION, Box(50, 50, 50, 60)]),
            "nothing": Attribution(),
            "flat": Attribution(saliency=flat),
            "outside": Attribution(boxes=[Box(-90, -90, -10, -10), Box(0, 0, 50, 50)]),
            "none": None,  # type: ignore[dict-item]
        }
        if self.options.how == "exit":
            sys.exit(3)
        if self.options.how == "raise":
            raise RuntimeError(f"a fault\nof {object()!r} \x1b[31m| `x` <b>")
        return answers[self.options.how]


@hookimpl
def sources() -> list[type[Source]]:
    return [ToySource]


@hookimpl
def editors() -> list[type[Editor]]:
    return [ToyEditor]


@hookimpl
def models() -> list[type[Model]]:
    return [ToyModel, ToyBlackBox, ToyBroken]


@hookimpl
def attributors() -> list[type[Attributor]]:
    return [Good, Map, Traces, AnswersOnly, Bad]


def world(*more: Any) -> list[Any]:
    """The modules that a run of the toys needs, and more: no boards."""
    return [sys.modules[__name__], metrics, local, *more]


def registry(*more: Any) -> Registry:
    """All of the above, and the plugins in ``more`` modules, with the counters reset."""
    for counter in (ToySource.reads, ToySource.walks, ToyModel.loads, ToyModel.scored, ToyEditor.prompts):
        counter.clear()
    found = Registry(world(leaderboard_plugin, *more))
    assert not found.broken
    return found


def record(index: int, mode: Mode = "direct", model: str = "toy", dataset: str = "toy") -> Record:
    """A record that survived."""
    yes = {"direct": "Yes", "reasoning": "The mass is bright, so yes"}[mode]
    return Record(model, dataset, index, "yes", mode, yes, "No", yes, yes)


def bench(folder: Path, models: Sequence[str] = ("toy",), indices: Sequence[int] = range(4)) -> Path:
    """A benchmark folder with a record of each model, mode and index."""
    write_records(folder, [record(i, mode, model) for mode in MODES for model in models for i in indices])
    return folder


class Traceless(ToyModel):
    """A model whose trace fails."""

    name: ClassVar[str] = "traceless"

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        raise RuntimeError("no trace today")
