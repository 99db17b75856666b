"""Metrics, each wrong in one way, by the name of the one check that it must fail."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.contracts.explained import Explained
from harness.contracts.metric import Metric, Need
from harness.contracts.plugin import NoOptions
from harness.imaging.overlap import overlap

MAP: frozenset[Need] = frozenset({"map"})
MODEL: frozenset[Need] = frozenset({"model"})
MASK: frozenset[Need] = frozenset({"mask"})


class Right(Metric):
    """IoU; right in every way."""

    name: ClassVar[str] = "right"
    title: ClassVar[str] = "Right"
    legend: ClassVar[str] = "the area that is marked and true, as a part of what is either; more is better."

    def measure(self, explained: Explained) -> Any:
        return self.finish(overlap(explained.boxes, explained.truth).iou, explained)

    def finish(self, iou: float, explained: Explained) -> Any:
        return iou


class RightMap(Right):
    """The part of the heat that lies in the true mask."""

    needs: ClassVar[frozenset[Need]] = MAP | MASK

    def measure(self, explained: Explained) -> Any:
        assert explained.place is not None and explained.mask is not None
        heat = np.maximum(explained.heat, 0)
        rows, columns = np.arange(224)[:, None], np.arange(224)[None, :]
        (x, y), (w, h) = explained.place.offset, explained.place.size
        inside = (rows >= y) & (rows < y + h) & (columns >= x) & (columns < x + w)
        height, width = explained.mask.shape
        true = explained.mask[
            np.clip((rows - y) * height // h, 0, height - 1), np.clip((columns - x) * width // w, 0, width - 1)
        ]
        total = heat[inside].sum()
        return float(heat[inside & true].sum() / total) if total > 0 else None


class RightModel(Right):
    """How much less likely the answer is without what is marked; random in part, by a seed of its own."""

    needs: ClassVar[frozenset[Need]] = MODEL | MAP
    legend: ClassVar[str] = "the probability that the answer loses without what is marked; more is better."
    worst: ClassVar[float] = -1.0

    def measure(self, explained: Explained) -> Any:
        case = explained.case
        assert case is not None
        hidden = case.image.copy()
        hidden[explained.heat > np.random.default_rng(case.seed).random()] = 0
        before, after = np.exp(case.score([case.image, hidden])).mean(axis=1)
        return before - after


class CountsBoxes(Right):
    """The number of boxes, which has nothing to do with the truth; less is better, up to a hundred."""

    legend: ClassVar[str] = "the number of boxes; less is better."
    higher_is_better: ClassVar[bool] = False
    worst: ClassVar[float] = 100.0
    percent: ClassVar[bool] = False

    def finish(self, iou: float, explained: Explained) -> Any:
        return len(explained.boxes)


class NothingApplies(Right):
    """For the findings of a data set of its own."""

    def applies(self, explained: Explained) -> bool:
        return explained.record.source == "my-hospital"


class LongTitle(Right):
    """A heading that is a sentence."""

    title: ClassVar[str] = "The area that is marked and true, as a part of what is either"


class EndlessLegend(Right):
    """A legend that is a chapter."""

    legend: ClassVar[str] = "the area, " * 300 + "more is better."


class NoDirection(Right):
    """Leaves readers to guess."""

    legend: ClassVar[str] = "the area that is marked and true."


class OtherDirection(Right):
    """A legend that contradicts the board."""

    legend: ClassVar[str] = "the area that is marked and true; less is better."


class InfiniteWorst(Right):
    """A mean with it is infinite."""

    worst: ClassVar[float] = -np.inf


class UnknownNeed(Right):
    """Needs what nothing offers."""

    needs: ClassVar[Any] = frozenset({"heat"})


class BareOption(Right):
    """An option without a description."""

    class Options(NoOptions):
        """One."""

        bare: int = 1


class Raises(Right):
    """Measures nothing."""

    def finish(self, iou: float, explained: Explained) -> Any:
        raise ZeroDivisionError("no area")


class ReturnsText(Right):
    """A figure that is text."""

    def finish(self, iou: float, explained: Explained) -> Any:
        return f"{iou:.0%}"


class NotANumber(Right):
    """A figure that spoils every mean."""

    def finish(self, iou: float, explained: Explained) -> Any:
        return iou if iou > 0 else np.float64("nan")


class Counts(Right):
    """Depends on how much it measured before."""

    count = 0

    def finish(self, iou: float, explained: Explained) -> Any:
        self.count += 1
        return iou + self.count / 1000


class GlobalNoise(Right):
    """Draws from numpy's global generator."""

    def finish(self, iou: float, explained: Explained) -> Any:
        return iou + np.random.random() / 1000  # noqa: NPY002


class ScalesTheMap(Right):
    """Normalises the map where it lies."""

    needs: ClassVar[frozenset[Need]] = MAP

    def finish(self, iou: float, explained: Explained) -> Any:
        heat = explained.heat
        heat /= heat.sum() or 1
        return iou


class SortsBoxes(Right):
    """Puts the boxes of the result in another order."""

    def finish(self, iou: float, explained: Explained) -> Any:
        explained.boxes.sort(key=lambda box: box.x0)  # type: ignore[attr-defined]
        return iou


class UndeclaredMap(Right):
    """Reads the map without saying so."""

    def finish(self, iou: float, explained: Explained) -> Any:
        return iou if explained.heat.any() else 0.0


class UndeclaredModel(Right):
    """Falls back on another figure without the model, without saying so."""

    def finish(self, iou: float, explained: Explained) -> Any:
        return iou if explained.case is not None else iou / 2


class UndeclaredMask(Right):
    """Reads the mask without saying so."""

    def finish(self, iou: float, explained: Explained) -> Any:
        assert explained.mask is not None
        return iou


class AsksMore(RightModel):
    """Asks the model a question, which not every model that scores can answer."""

    def measure(self, explained: Explained) -> Any:
        assert explained.case is not None
        explained.case.ask("Is it there?")
        return super().measure(explained)


class IdleNeed(Right):
    """Needs a mask for nothing."""

    needs: ClassVar[frozenset[Need]] = MASK


class AppliesToBoxes(Right):
    """Leaves out who marks nothing, failures too."""

    def applies(self, explained: Explained) -> bool:
        return bool(explained.boxes)


class AsksForTheImage(Right):
    """Cannot be asked about an image that was not read."""

    def applies(self, explained: Explained) -> bool:
        return explained.place.width > 0  # type: ignore[union-attr]


class NeedsAPeak(Right):
    """Takes a map for granted."""

    def finish(self, iou: float, explained: Explained) -> Any:
        if len(explained.boxes) == 2:
            iou += explained.peak[0] * 0  # type: ignore[index]
        return iou


class NeedsBoxesOfItsOwn(Right):
    """Takes a concept for granted where there is a map."""

    def finish(self, iou: float, explained: Explained) -> Any:
        if explained.peak is not None and explained.boxes and not explained.concept_scores:
            return float("inf")
        return iou


class NeedsABox(Right):
    """Takes the first of the boxes."""

    def finish(self, iou: float, explained: Explained) -> Any:
        return iou if explained.boxes[0] else 0.0


class TenBoxes(Right):
    """Has room for ten boxes."""

    def finish(self, iou: float, explained: Explained) -> Any:
        np.zeros(10)[: len(explained.boxes)] = [box.area for box in explained.boxes]
        return iou


class DividesByTheRest(Right):
    """Divides by what is not marked."""

    def finish(self, iou: float, explained: Explained) -> Any:
        assert explained.place is not None
        rest = explained.place.width * explained.place.height - sum(box.area for box in explained.boxes[:1])
        return iou * rest / rest


class SquareImages(Right):
    """Takes images to be square."""

    def finish(self, iou: float, explained: Explained) -> Any:
        assert explained.place is not None
        canvas = np.zeros((explained.place.width, explained.place.width))
        return iou + float(canvas[explained.place.height - 1, 0])


class NeedsAConcept(Right):
    """Takes the true concept for known."""

    def finish(self, iou: float, explained: Explained) -> Any:
        return iou + float(explained.true_concepts[0] == "heart")


class HighWorst(Right):
    """To fail is better than to be wrong."""

    worst: ClassVar[float] = 0.5


class TenAtMost(CountsBoxes):
    """More boxes than its worst."""

    worst: ClassVar[float] = 10.0


class UpsideDown(Right):
    """The best leads from below."""

    legend: ClassVar[str] = "the area that is marked and true, as a part of what is either; less is better."
    higher_is_better: ClassVar[bool] = False
    worst: ClassVar[float] = 1.0


METRICS: list[tuple[str, type[Metric]]] = [
    ("contract", LongTitle), ("contract", EndlessLegend), ("contract", NoDirection), ("contract", OtherDirection),
    ("contract", InfiniteWorst), ("contract", UnknownNeed), ("contract", BareOption), ("measures", Raises),
    ("measures", ReturnsText), ("measures", NotANumber), ("repeatable", Counts), ("own randomness", GlobalNoise),
    ("leaves the result alone", ScalesTheMap), ("leaves the result alone", SortsBoxes),
    ("declared needs", UndeclaredMap), ("declared needs", UndeclaredModel), ("declared needs", UndeclaredMask),
    ("declared needs", AsksMore), ("declared needs", IdleNeed), ("asked of failed results", AppliesToBoxes),
    ("asked of failed results", AsksForTheImage), ("boxes alone", NeedsAPeak), ("map alone", NeedsBoxesOfItsOwn),
    ("nothing marked", NeedsABox), ("many boxes", TenBoxes), ("whole image", DividesByTheRest),
    ("upright image", SquareImages), ("unknown concept", NeedsAConcept), ("worst is the worst", HighWorst),
    ("worst is the worst", TenAtMost), ("truth is not worse", UpsideDown),
]  # fmt: skip
