"""Explanations as one HTML page that asks for nothing else: a part for each image, the methods side by side."""

from __future__ import annotations

import io
from base64 import b64encode
from pathlib import Path

from harness.errors import HarnessError
from harness.explaining.explanation import Explanation
from harness.explaining.several import Failure
from harness.files import write_whole
from harness.markup import Markup, el, page, verbatim
from harness.text import plain

SCORES = 6  # concepts that are listed


class Page:
    """The page, made as the explanations come: it keeps what it shows of each, not its pixels."""

    def __init__(self) -> None:
        self._images: dict[str, list[Markup]] = {}
        self._failures: list[Failure] = []

    def add(self, name: str, explanation: Explanation) -> None:
        """Show an explanation of the image of this name."""
        if name not in self._images:
            answer = el("p", el("strong", "Answer: "), verbatim(explanation.answer), class_="answer")
            model = el("p", f"{explanation.model} was asked: {explanation.question}", class_="muted")
            self._images[name] = [model, answer]
        self._images[name].append(_card(explanation))

    def fail(self, failure: Failure) -> None:
        """Tell what could not be explained."""
        self._failures.append(failure)

    def html(self) -> str:
        """The page."""
        parts = []
        for number, (name, (model, answer, *cards)) in enumerate(self._images.items()):
            head = el("h2", name, id=f"image-{number}")
            parts.append(el("section", head, model, answer, el("div", *cards, class_="cards")))
        links = [
            el("li", el("a", name, href=f"#image-{number}")) for number, name in enumerate(self._images)
        ]
        nav = el("nav", el("ul", *links), aria_label="Images") if len(links) > 1 else None
        if self._failures:
            lines = [el("li", str(failure)) for failure in self._failures]
            parts.append(el("section", el("h2", "Not explained"), el("ul", *lines, class_="failures")))
        style = (Path(__file__).parent / "page.css").read_text(encoding="utf-8")
        top = el("header", el("h1", "Explanations"), nav)
        return page("Explanations", style, top, el("main", *parts), el("footer", "Written by harness explain."))

    def save(self, path: Path) -> None:
        """Write the page. Raises ``HarnessError`` where it cannot be written."""
        try:
            write_whole(path, self.html().encode())
        except OSError as error:
            raise HarnessError(f"The page cannot be written to {path}: {error.strerror or error}.") from error


def _card(explanation: Explanation) -> Markup:
    said, cost = explanation.attribution, explanation.cost
    alt = f"{explanation.attributor}: {explanation.headline}"
    facts: list[tuple[str, str]] = []
    if said.confidence is not None:
        facts.append(("confidence", f"{said.confidence:.2f} of 1, that it looked where it should have"))
    if said.kept is not None:
        facts.append(("without it", f"the answer keeps {said.kept:.0%} of its probability"))
    boxes = ["none"] if not explanation.boxes else [" ".join(f"{edge:.0f}" for edge in b) for b in explanation.boxes]
    facts += [("boxes", "; ".join(boxes)), ("passes", f"{cost.forward} forward, {cost.backward} backward")]
    scores = sorted((said.concept_scores or {}).items(), key=lambda item: -item[1])[:SCORES]
    if scores:
        facts.append(("concepts", ", ".join(f"{plain(name)} {score:.3g}" for name, score in scores)))
    return el(
        "article",
        el("h3", explanation.attributor),
        el("img", src=_data(explanation), alt=alt, width=400),
        el("p", explanation.headline, class_="headline"),
        *(el("p", caveat, class_="note") for caveat in explanation.caveats),
        el("dl", *(el("div", el("dt", name), el("dd", value)) for name, value in facts)),
    )


def _data(explanation: Explanation) -> Markup:
    """The image with what is marked, as a JPEG inside an address: PNGs of films are several times larger."""
    from harness.explaining.picture import draw_image

    file = io.BytesIO()
    draw_image(explanation).savefig(file, format="jpg", pil_kwargs={"quality": 88})
    return Markup("data:image/jpeg;base64," + b64encode(file.getvalue()).decode("ascii"))
