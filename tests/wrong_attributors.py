"""Attribution methods, each wrong in one way, by the one check that it must fail. See wrong_on_images.py too."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability, Capture
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.imaging.frame import Box

SOME = Box(30, 40, 90, 100)
SIDE = 224


class Right(Attributor):
    """Hides the middle and sees what the answer loses; right in every way."""

    name: ClassVar[str] = "right"

    def attribute(self, case: Case) -> Attribution:
        hidden = case.image.copy()
        hidden[60:160, 60:160] = 0
        drop = case.original - case.score([hidden])[0]
        saliency = np.random.default_rng(case.seed).random((SIDE, SIDE))
        saliency[60:160, 60:160] += abs(drop.sum())
        boxes = [SOME]
        return Attribution(saliency, boxes, "heart", {"heart": 1.0}, {"heart": SOME}, [float(d) for d in drop])


class RightTrace(Attributor):
    """Reads a capture, and no more than it names."""

    name: ClassVar[str] = "right-trace"
    needs: ClassVar[frozenset[Capability]] = frozenset({"trace"})
    captures: ClassVar[frozenset[Capture]] = frozenset({"rollout"})

    def attribute(self, case: Case) -> Attribution:
        return Attribution(saliency=case.spread(case.captured("rollout").mean(0)))


class RightBlackBox(Attributor):
    """Needs answers alone."""

    name: ClassVar[str] = "right-black-box"
    needs: ClassVar[frozenset[Capability]] = frozenset({"generate"})

    def attribute(self, case: Case) -> Attribution:
        return Attribution(boxes=[SOME] if "yes" in case.ask("Is it there?") else [case.content])


class NoDocstring(Right):
    pass


class BareOption(Right):
    """An option without a description."""

    class Options(NoOptions):
        """One."""

        bare: int = 1


class TwoWords(Right):
    """A name that no option could begin with."""

    name: ClassVar[str] = "two words"


class UnknownNeed(Right):
    """A need that no model has."""

    needs: ClassVar[Any] = frozenset({"scores"})


class NeedsInAList(Right):
    """Needs that cannot be compared with capabilities."""

    needs: ClassVar[Any] = ["score"]


class CaptureWithoutTrace(RightTrace):
    """A capture comes of a trace."""

    needs: ClassVar[frozenset[Capability]] = frozenset({"score"})


class Raises(Right):
    """Explains nothing."""

    def attribute(self, case: Case) -> Attribution:
        raise HarnessError("There is nothing to explain.")


class Leaves(Right):
    """Ends the program."""

    def attribute(self, case: Case) -> Attribution:
        raise SystemExit(3)


class ReturnsAMap(Right):
    """Forgets the Attribution around its map."""

    def attribute(self, case: Case) -> Any:
        return super().attribute(case).saliency


class SaysNothing(Right):
    """Neither map nor boxes."""

    def attribute(self, case: Case) -> Attribution:
        super().attribute(case)
        return Attribution()


class Altered(Right):
    """The right answer, altered by ``alter``."""

    def attribute(self, case: Case) -> Attribution:
        said = super().attribute(case)
        self.alter(said, case)
        return said

    def alter(self, said: Any, case: Case) -> None:
        raise NotImplementedError


class SmallMap(Altered):
    """A map of grid cells."""

    def alter(self, said: Any, case: Case) -> None:
        said.saliency = said.saliency[::28, ::28]


class NanMap(Altered):
    """A map with a hole."""

    def alter(self, said: Any, case: Case) -> None:
        said.saliency[3, 3] = np.nan


class BoxOutside(Altered):
    """Boxes in thousandths of the frame."""

    def alter(self, said: Any, case: Case) -> None:
        said.boxes = [Box(*(edge / SIDE * 1000 for edge in SOME))]


class BoxInverted(Altered):
    """Boxes as x, y, width, height."""

    def alter(self, said: Any, case: Case) -> None:
        said.boxes = [Box(100, 100, 40, 40)]


class ConceptBoxEmpty(Altered):
    """A concept's box without area."""

    def alter(self, said: Any, case: Case) -> None:
        said.concept_boxes = {"heart": Box(9, 9, 9, 20)}


class ConceptIsANumber(Altered):
    """The concept's index."""

    def alter(self, said: Any, case: Case) -> None:
        said.concept = 3


class TokenScoreMissing(Altered):
    """Scores all tokens but the last of several."""

    def alter(self, said: Any, case: Case) -> None:
        said.token_scores = said.token_scores[: max(1, len(said.token_scores) - 1)]


class ConceptTokenMissing(Altered):
    """Scores the tokens of a concept, all but the first."""

    def alter(self, said: Any, case: Case) -> None:
        said.concept_token_scores = {"heart": said.token_scores[1:]}


class TokensOfAnUnknownConcept(Altered):
    """Scores the tokens of a concept that it does not score."""

    def alter(self, said: Any, case: Case) -> None:
        said.concept_token_scores = {"heart": said.token_scores, "lung": said.token_scores}


class InfiniteScore(Altered):
    """A concept whose score is infinite."""

    def alter(self, said: Any, case: Case) -> None:
        said.concept_scores = {"heart": np.inf}


class Counts(Altered):
    """Depends on how much it explained before."""

    count = 0

    def alter(self, said: Any, case: Case) -> None:
        self.count += 1
        said.saliency += self.count


class Unseeded(Altered):
    """Draws from a generator that nobody seeded."""

    def alter(self, said: Any, case: Case) -> None:
        said.saliency += np.random.default_rng().random()


class GlobalGenerator(Altered):
    """Draws from numpy's global generator."""

    def alter(self, said: Any, case: Case) -> None:
        said.saliency += np.random.random()  # noqa: NPY002


class Scribbles(Altered):
    """Blackens the image itself."""

    def alter(self, said: Any, case: Case) -> None:
        case.image[60:160] = 0


class UndeclaredScore(Right):
    """Scores without saying so."""

    needs: ClassVar[frozenset[Capability]] = frozenset({"generate"})

    def attribute(self, case: Case) -> Attribution:
        case.ask("Is it there?")
        return super().attribute(case)


class IdleNeed(Right):
    """Could run on models without a trace, and does not."""

    needs: ClassVar[frozenset[Capability]] = frozenset({"score", "trace"})


class WantsMore(Right):
    """Refuses a model that has no more than it declares."""

    def attribute(self, case: Case) -> Attribution:
        if "trace" not in case.model.capabilities:
            raise RuntimeError("this model is too poor")
        return super().attribute(case)


class UndeclaredCapture(RightTrace):
    """Reads what another method happens to capture."""

    def attribute(self, case: Case) -> Attribution:
        case.captured("attention")
        return super().attribute(case)


class IdleCapture(RightTrace):
    """Makes every run pay for a backward pass."""

    captures: ClassVar[frozenset[Capture]] = frozenset({"rollout", "hidden"})


class FreeScores(Altered):
    """Asks the model behind the case's back."""

    def alter(self, said: Any, case: Case) -> None:
        case.model.score([case.image], case.question, case.answer)


class FreeGradients(RightTrace):
    """Backward passes behind the case's back."""

    def attribute(self, case: Case) -> Attribution:
        case.model.path_gradients(case.image, case.image, [0.5], case.question, case.answer)
        return super().attribute(case)


class BlackBoxRefused(RightBlackBox):
    """Needs nothing, it says, but refuses a model that it could ask."""

    needs: ClassVar[frozenset[Capability]] = frozenset()

    def attribute(self, case: Case) -> Attribution:
        if case.model.capabilities == {"generate"}:
            raise RuntimeError("black boxes are not for me")
        return Attribution(boxes=[SOME])


RIGHT = (Right, RightTrace, RightBlackBox)
WRONG: list[tuple[str, type[Attributor]]] = [
    ("contract", NoDocstring), ("contract", BareOption), ("contract", TwoWords), ("contract", UnknownNeed),
    ("contract", NeedsInAList), ("contract", CaptureWithoutTrace), ("explains", Raises), ("explains", Leaves),
    ("explains", ReturnsAMap), ("explains", SaysNothing), ("map of the frame", SmallMap), ("map of the frame", NanMap),
    ("boxes in the frame", BoxOutside), ("boxes in the frame", BoxInverted), ("boxes in the frame", ConceptBoxEmpty),
    ("concept and scores", ConceptIsANumber), ("concept and scores", TokenScoreMissing),
    ("concept and scores", ConceptTokenMissing), ("concept and scores", TokensOfAnUnknownConcept),
    ("concept and scores", InfiniteScore), ("repeatable", Counts), ("repeatable", Unseeded),
    ("own randomness", GlobalGenerator), ("leaves the image alone", Scribbles), ("declared needs", UndeclaredScore),
    ("declared needs", IdleNeed), ("declared needs", WantsMore), ("declared captures", UndeclaredCapture),
    ("declared captures", IdleCapture), ("true cost", FreeScores), ("true cost", FreeGradients),
    ("black box", BlackBoxRefused),
]  # fmt: skip
