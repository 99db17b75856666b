"""A model in numpy whose answer provably depends on the brightness of one rectangle and nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import numpy as np

from harness.contracts.case import Case
from harness.contracts.model import PLAIN, Capability, Capture, Model, Trace
from harness.imaging.frame import FRAME_SIDE, Box

SIDE = FRAME_SIDE
WHOLE = Box(0, 0, SIDE, SIDE)
REGION = Box(32, 64, 64, 96)


class RegionModel(Model):
    """Token t has probability 0.05 + 0.9 * w_t * b, with b in 0..1 the rectangle's mean brightness.

    The weight w_t is 1 for the last token and falls towards 0 at the first, so that tokens differ in what they
    owe. Words are tokens.

    Parameters
    ----------
    region
        The rectangle, whole frame pixels.
    rows, columns
        How many image tokens tile the frame.

    Attributes
    ----------
    batches
        The sizes of the batches that were scored.
    """

    name: ClassVar[str] = "toy-region"
    capabilities: ClassVar[frozenset[Capability]] = frozenset({"generate", "score", "trace"})

    def __init__(self, region: Box = REGION, rows: int = 4, columns: int = 8) -> None:
        super().__init__()
        self.region, self.rows, self.columns = region, rows, columns
        self.batches: list[int] = []

    def brightness(self, image: np.ndarray) -> float:
        """The rectangle's mean brightness, 0..1: all that the model sees."""
        x0, y0, x1, y1 = (int(edge) for edge in self.region)
        return float(image[y0:y1, x0:x1].mean() / 255)

    def answer(self, image: np.ndarray, question: str) -> str:
        """Yes where the rectangle is brighter than 0.3."""
        return "yes" if self.brightness(image) > 0.3 else "no"

    def tokens(self, answer: str) -> list[str]:
        """The words, each with the space before it."""
        return re.findall(r"\s*\S+|\s+$", answer) or [answer]

    def score(self, images: Sequence[np.ndarray], question: str, answer: str) -> np.ndarray:
        """The formula above."""
        self.batches.append(len(images))
        weights = np.linspace(0, 1, len(self.tokens(answer)) + 1)[1:]
        bright = np.array([self.brightness(image) for image in images])
        return np.log(0.05 + 0.9 * bright[:, None] * weights)

    def trace(self, image: np.ndarray, question: str, answer: str, captures: frozenset[Capture]) -> Trace:
        """Attention as the tokens' brightness; gradients where the rectangle is."""
        grid = self.image_grid(image)
        means = np.array([image[int(b.y0) : int(b.y1), int(b.x0) : int(b.x1)].mean() for b in grid])
        steps = np.arange(1, len(self.tokens(answer)) + 1)
        rows = steps[:, None] * means
        # Gradients are there where the region is: in its tokens, each of which has a channel of its own.
        slope = np.array([self._overlap(box) for box in grid]) * self._slope(image, answer)
        found: dict[str, dict[str, np.ndarray]] = {
            "rollout": {"rollout": rows},
            "attention": {"attention": rows + 1},
            "weighted_attention": {"weighted_attention": np.maximum(slope, 0) * np.full((len(steps), 1), 0.1)},
            "hidden": {"hidden": np.diag(means), "hidden_gradient": np.diag(slope)},
            "attention_relevance": {"attention_relevance": np.maximum(slope, 0) * rows},
            "hidden_relevance": {"hidden_relevance": slope * means},
            "token_logits": self._token_logits(steps, means, slope),
        }
        kept: dict[str, np.ndarray] = {}
        for capture in captures:
            kind, at, layer = capture.partition("@")
            kept |= {f"{name}{at}{layer}": value for name, value in found[kind].items()}
        return Trace(self.score([image], question, answer)[0], **kept)

    def cannot_capture(self, captures: frozenset[Capture]) -> str | None:
        """It has every layer; they are all the same."""
        return None

    def path_gradients(
        self, image: np.ndarray, baseline: np.ndarray | None, fractions: Sequence[float], question: str, answer: str
    ) -> np.ndarray:
        """The formula's exact derivative, spread evenly over the rectangle. Its own zero is black."""
        baseline = np.zeros_like(image) if baseline is None else baseline
        x0, y0, x1, y1 = (int(edge) for edge in self.region)
        change = image.astype(float) - baseline
        inside = np.zeros_like(change)
        inside[y0:y1, x0:x1] = 1 / (255 * 3 * (y1 - y0) * (x1 - x0))
        return np.stack([self._slope(baseline + f * change, answer) * inside * change for f in fractions])

    def _slope(self, image: np.ndarray, answer: str) -> float:
        """The derivative of the answer's summed log-probability by the region's brightness."""
        weights = np.linspace(0, 1, len(self.tokens(answer)) + 1)[1:]
        return float((0.9 * weights / (0.05 + 0.9 * weights * self.brightness(image))).sum())

    def _token_logits(self, steps: np.ndarray, means: np.ndarray, slope: np.ndarray) -> dict[str, np.ndarray]:
        """Of a question of two tokens, which show brightness, and an answer whose tokens show the region besides."""
        weights = np.concatenate([[0, 0], steps])
        at_image = means + weights[:, None] * slope * 255
        return {
            "token_logits": np.hstack([at_image, np.ones((len(weights), len(weights)))]),
            "token_ids": np.arange(len(weights), dtype=float),
        }

    def _overlap(self, box: Box) -> float:
        width = min(box.x1, self.region.x1) - max(box.x0, self.region.x0)
        height = min(box.y1, self.region.y1) - max(box.y0, self.region.y0)
        return max(width, 0) * max(height, 0) / self.region.area

    def image_grid(self, image: np.ndarray) -> list[Box]:
        """Rows of equal rectangles, whose edges may be fractions of a pixel."""
        height, width = image.shape[:2]
        y = np.linspace(0, height, self.rows + 1).tolist()
        x = np.linspace(0, width, self.columns + 1).tolist()
        return [Box(x0, y0, x1, y1) for y0, y1 in pairwise(y) for x0, x1 in pairwise(x)]


def make_case(
    model: Model,
    image: np.ndarray,
    answer: str = "yes",
    content: Box = WHOLE,
    captures: frozenset[Capture] = frozenset(),
) -> Case:
    """A case to try a method on, as a run would give it, with all captures of the last layer.

    Parameters
    ----------
    model
        Such as :class:`RegionModel`.
    image
        uint8 [side, side, 3], in the frame.
    answer
        The text to explain.
    content
        The part of the frame that holds image.
    captures
        Those at other layers, or of other kinds, that a method asks for besides.
    """
    return Case(model, image, "Is it?", answer, content, captures=PLAIN | captures)
