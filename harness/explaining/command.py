"""``harness explain``: one explanation of one answer about one image."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.flags import add_settings, prepare, read_settings
from harness.text import plain, say

if TYPE_CHECKING:
    from harness.explaining.explanation import Explanation
    from harness.explaining.settings import ExplainSettings


def add_parser(subparsers: Any) -> None:
    """Add ``explain``."""
    from harness.explaining.settings import ExplainSettings

    parser = subparsers.add_parser(
        "explain",
        help="explain one answer about one image, with a picture",
        description="Ask a model about a chest X-ray, explain its answer, and draw the explanation.",
        allow_abbrev=False,
    )
    parser.add_argument("image", type=Path, metavar="IMAGE", help="a PNG (8 or 16 bit), JPEG or DICOM file")
    add_settings(parser, ExplainSettings)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Explain and draw. Everything that can be refused is refused before the model is loaded."""
    from harness.explaining.settings import ExplainSettings

    settings = read_settings(args, ExplainSettings)
    if settings is None:
        return
    question = settings.question or ""
    if not question.strip():
        raise HarnessError("The question is empty; ask something by --question TEXT.")
    if settings.answer is not None and not settings.answer.strip():
        raise HarnessError("The answer is empty; leave --answer out to explain the model's own.")
    _explain(args.image, question, settings)


def _explain(image: Path, question: str, settings: ExplainSettings) -> None:
    prepare(settings.threads, settings.cache)
    from rich.console import Console

    from harness.explaining.default_model import default_model
    from harness.explaining.explain import check_capabilities, explain_answer, whose
    from harness.explaining.explanation import painter
    from harness.participants import choose
    from harness.reading.image import read_image
    from harness.registry import Registry

    registry = Registry.discover()
    network, method = choose(
        registry,
        settings.options,
        [
            ("model", settings.model or default_model(registry).name),
            ("attributor", settings.attributor or registry.default("attributor").name),
        ],
    )
    check_capabilities(method.cls, network.cls, answer_given=settings.answer is not None)
    output = settings.output or Path(f"{image.stem}-{method.label}.png")
    check_output(output, image)
    painter()
    pixels = read_image(image, upright=True)

    attributor = method.load()
    with whose(f"The attributor {method.label!r} cannot be set up"):
        notes = [str(note) for note in attributor.notes(())]
    with Console(stderr=True).status("Loading the model …") as status:
        model = network.load()
        status.update("Explaining …")
        about = settings.answer, settings.seed, settings.upsampling
        explanation = explain_answer(pixels, question, model, attributor, *about)
        status.update("Drawing …")
        explanation.save(output)
    _show(explanation, output, Console())
    for note in notes:
        say(Console(stderr=True), note, wrap=True)


def check_output(output: Path, image: Path) -> None:
    """Raise ``HarnessError`` where the picture could not be written, or would replace the image."""
    folder = output.parent
    if output.suffix.lower() != ".png":
        raise HarnessError(f"The picture is a PNG; give --output a name that ends in .png, not {output.name!r}.")
    if not folder.is_dir():
        raise HarnessError(f"The picture cannot be written to {output}: the folder {folder} does not exist.")
    if output.is_dir():
        raise HarnessError(f"The picture cannot be written to {output}: it is a folder.")
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise HarnessError(f"The picture cannot be written to {output}: permission denied.")
    if output.exists() and image.exists() and output.samefile(image):
        raise HarnessError(f"The picture would replace the image {image}; give another --output.")


def _show(explanation: Explanation, output: Path, console: Any) -> None:
    """Print what the explanation says and where the picture is."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _lines(explanation, output):
        table.add_row(label, Text(plain(value, lines=True)))
    console.print(table)


def _lines(explanation: Explanation, output: Path) -> Iterable[tuple[str, str]]:
    attribution, cost = explanation.attribution, explanation.cost
    height, width = explanation.image.shape[:2]
    yield "answer", f"{explanation.answer.strip()}  ({explanation.model})"
    if explanation.cut_off:
        yield "", "cut off at the model's token limit, so that it may state nothing yet"
    if attribution.fallback:
        yield "concept", "none is decisive: the whole image"
    elif attribution.concept is not None:
        score = (attribution.concept_scores or {}).get(attribution.concept)
        yield "concept", attribution.concept + ("" if score is None else f"  (score {score:.3g})")
    boxes = [" ".join(str(round(edge)) for edge in box) for box in explanation.boxes]
    if boxes:
        yield "boxes", "\n".join(boxes)
        yield "", f"x0 y0 x1 y1 in the image's {width} x {height} pixels"
    else:
        yield "boxes", "none: the method found nothing that stands out"
    if attribution.confidence is not None:
        yield "confidence", f"{attribution.confidence:.2f} of 1, that it looked where it should have"
    for note in attribution.notes:
        yield "note", note
    passes = [f"{cost.forward} forward"] + ([f"{cost.backward} backward"] if cost.backward else [])
    yield "cost", f"{' and '.join(passes)} passes"
    yield "picture", str(output)
