"""What an explanation says, as lines in the terminal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.explaining.explanation import Explanation
from harness.text import plain


def show(explanation: Explanation, picture: Path | None, console: Any, about: str = "") -> None:
    """Print what the explanation says, and where its picture is if it has one. ``about``: which of several it is."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    if about:
        console.print(Text(f"\n{plain(about)}", style="bold"))
    for label, value in _lines(explanation):
        table.add_row(label, Text(plain(value, lines=True)))
    if picture is not None:
        table.add_row("picture", Text(plain(str(picture))))
    console.print(table)


def _lines(explanation: Explanation) -> Iterable[tuple[str, str]]:
    attribution, cost = explanation.attribution, explanation.cost
    height, width = explanation.image.shape[:2]
    yield "answer", f"{explanation.answer.strip()}  ({explanation.model})"
    if attribution.fallback:
        yield "concept", "none is decisive: the whole image"
    elif attribution.concept is not None:
        score = (attribution.concept_scores or {}).get(attribution.concept)
        yield "concept", attribution.concept + ("" if score is None else f"  (score {score:.3g})")
    elif attribution.concept_scores:
        yield "concept", "none holds it: the whole film was searched"
    if attribution.kept is not None:
        yield "without it", f"the answer keeps {attribution.kept:.0%} of its probability"
    boxes = [" ".join(str(round(edge)) for edge in box) for box in explanation.boxes]
    if boxes:
        yield "boxes", "\n".join(boxes)
        yield "", f"x0 y0 x1 y1 in the image's {width} x {height} pixels"
    else:
        yield "boxes", "none: the method found nothing that stands out"
    if attribution.confidence is not None:
        yield "confidence", f"{attribution.confidence:.2f} of 1, that it looked where it should have"
    for caveat in explanation.caveats:
        yield "note", caveat
    passes = [f"{cost.forward} forward"] + ([f"{cost.backward} backward"] if cost.backward else [])
    yield "cost", f"{' and '.join(passes)} passes"
