"""One explanation of one answer about one image; it shows itself as a picture."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from harness.bench.verdict import final_answer
from harness.contracts.attributor import Attribution
from harness.contracts.case import Cost
from harness.errors import HarnessError
from harness.imaging.frame import Box, Letterbox
from harness.participants import reason

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image

NO = (
    "The answer is no: marked are regions whose hiding made it less sure, or on which it depends most. They are no "
    "evidence of what was asked for."
)
WEAK_FROM = 0.75  # the paper's threshold, below which a region counts as evidence
WEAK = "Without what is marked the answer keeps {kept:.0%} of its probability: it is weak evidence at best."
CUT_OFF = "The answer was cut off at the model's token limit, so that it may state nothing yet."


@dataclass(frozen=True, repr=False, eq=False)
class Explanation:
    """What was asked, what the model answered, and what a method says about it. A notebook shows it as its picture.

    Attributes
    ----------
    image
        uint8 [height, width, 3], native.
    question, answer
        What the model was asked, and the text that is explained.
    model, attributor
        Their names.
    attribution
        What the method said, in the frame.
    boxes
        Its boxes in native pixels; those that the benchmark's rule makes of its map, where it gave a map alone.
    frame
        How the image lies in the frame.
    tokens
        The answer's tokens as text, one for each of ``attribution.token_scores``; None where it scores no tokens.
    cost
        The passes through the model that it took.
    cut_off
        Whether the answer is the model's own and ends at its token limit, so that it may state nothing.
    notes
        What a reader must know about how the method is set up, in sentences.
    """

    image: np.ndarray
    question: str
    answer: str
    model: str
    attributor: str
    attribution: Attribution
    boxes: Sequence[Box]
    frame: Letterbox
    tokens: Sequence[str] | None
    cost: Cost
    cut_off: bool = False
    notes: Sequence[str] = ()

    @property
    def caveats(self) -> list[str]:
        """What a reader must know before believing what is marked, in sentences; the command prints them, and the
        picture and the page show them."""
        said = [NO] if self.says_no else []
        said += [CUT_OFF] if self.cut_off else []
        kept = self.attribution.kept
        said += [WEAK.format(kept=kept)] if kept is not None and kept >= WEAK_FROM else []
        return list(dict.fromkeys([*said, *map(str, self.attribution.notes), *self.notes]))

    @property
    def says_no(self) -> bool:
        """Whether the answer states "no" in the end: then nothing is evidence of what was asked for."""
        return not self.cut_off and final_answer(self.answer) == "no"

    @property
    def headline(self) -> str:
        """What the method says, in a few words."""
        said = self.attribution
        if said.fallback:
            return "No concept is decisive: whole image"
        if said.concept:
            return f"{'Hiding it unsettles the no' if self.says_no else 'Decisive concept'}: {said.concept}"
        if said.concept_scores:
            return "No concept holds it: the whole film was searched"
        return "Saliency map" if said.saliency is not None else "Boxes"

    def to_matplotlib(self) -> Figure:
        """The picture as a matplotlib ``Figure``, apart from pyplot's global state.

        Raises ``HarnessError`` where matplotlib is not installed.
        """
        return painter()(self)

    def picture(self) -> Image:
        """The picture as a PIL image."""
        from PIL import Image

        return Image.open(io.BytesIO(self._repr_png_()))

    def save(self, path: str | Path) -> None:
        """Write the picture as a PNG file. Raises ``HarnessError`` where it cannot be written."""
        try:
            self._write(Path(path))
        except HarnessError:
            raise
        except OSError as error:
            raise HarnessError(f"The picture cannot be written to {path}: {error.strerror or error}.") from error
        except Exception as error:  # what a method said may be drawable by no one
            raise HarnessError(f"The picture cannot be drawn: {reason(error).rstrip('.')}.") from error

    def __repr__(self) -> str:
        said = self.attribution.concept or f"{len(self.boxes)} box{'' if len(self.boxes) == 1 else 'es'}"
        answer = textwrap.shorten(self.answer, 60, placeholder=" …")
        return f"<Explanation of {answer!r} by {self.attributor}: {said} ({self.model})>"

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        file = io.BytesIO()
        self._write(file)
        return file.getvalue()

    def _write(self, target: Path | IO[bytes]) -> None:
        self.to_matplotlib().savefig(target, format="png", facecolor="white")


def painter() -> Callable[[Explanation], Figure]:
    """What draws an explanation. Raises ``HarnessError`` where matplotlib is not installed."""
    try:
        from harness.explaining.picture import draw_picture
    except ModuleNotFoundError as error:
        raise HarnessError(f"The picture cannot be drawn: {reason(error)}.") from error
    return draw_picture
