"""``harness explain``: one explanation of one answer about one image."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.flags import add_cache_argument, add_run_arguments, prepare

if TYPE_CHECKING:
    from harness.explaining.explanation import Explanation


def add_parser(subparsers: Any) -> None:
    """Add ``explain``."""
    parser = subparsers.add_parser(
        "explain",
        help="explain one answer about one image, with a picture",
        description="Ask a model about a chest X-ray, explain its answer, and draw the explanation.",
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("image", type=Path, metavar="IMAGE", help="a PNG (8 or 16 bit), JPEG or DICOM file")
    add("--question", required=True, metavar="TEXT", help="asked as it is, with nothing added")
    add("--model", metavar="NAME", help="model to ask (default: the embedded benchmark's first)")
    add("--attributor", metavar="NAME", help="method that explains (default: the one that declares itself default)")
    add("--answer", metavar="TEXT", help="the answer to explain (default: the model's own)")
    add(
        "--output", type=Path, metavar="FILE.png",
        help="the picture (default: IMAGE-ATTRIBUTOR.png in this folder)",
    )  # fmt: skip
    add_run_arguments(parser)
    add_cache_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Explain and draw. Everything that can be refused is refused before the model is loaded."""
    prepare(args.threads, args.cache)
    from rich.console import Console

    from harness.defaults import default_model
    from harness.explaining.explanation import check_capabilities, draw, explain
    from harness.imaging.read import read_image
    from harness.options import for_plugins
    from harness.participants import load
    from harness.registry import Registry

    if not args.question.strip():
        raise HarnessError("The question is empty; ask something by --question TEXT.")
    if args.answer is not None and not args.answer.strip():
        raise HarnessError("The answer is empty; leave --answer out to explain the model's own.")
    registry = Registry.discover()
    method = registry.find("attributor", args.attributor) if args.attributor else registry.default("attributor")
    network = registry.find("model", args.model) if args.model else default_model(registry)
    check_capabilities(method, network, answer_given=args.answer is not None)
    options = for_plugins(args.option, [network, method])
    output = args.output or Path(f"{args.image.stem}-{method.name}.png")
    check_output(output, args.image)
    image = read_image(args.image)

    attributor = load(method, options[method], "attributor")
    with Console(stderr=True).status("Loading the model …") as status:
        model = load(network, options[network], "model")
        status.update("Explaining …")
        result = explain(image, args.question, model, attributor, args.answer, args.seed)
        status.update("Drawing …")
        draw(result, output)
    console = Console()
    report(result, output, console)
    for note in attributor.notes(()):
        console.print(note, markup=False, highlight=False)


def check_output(output: Path, image: Path) -> None:
    """Raise ``HarnessError`` where the picture could not be written, or would replace the image."""
    folder = output.parent
    if output.suffix.lower() != ".png":
        raise HarnessError(
            f"The picture is a PNG; give --output a name that ends in .png, not {output.name!r}."
        )
    if not folder.is_dir():
        raise HarnessError(f"The picture cannot be written to {output}: the folder {folder} does not exist.")
    if output.is_dir():
        raise HarnessError(f"The picture cannot be written to {output}: it is a folder.")
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise HarnessError(f"The picture cannot be written to {output}: permission denied.")
    if output.exists() and image.exists() and output.samefile(image):
        raise HarnessError(f"The picture would replace the image {image}; give another --output.")


def report(result: Explanation, output: Path, console: Any) -> None:
    """Print what the explanation says and where the picture is."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, value in _lines(result, output):
        table.add_row(label, Text(value))
    console.print(table)


def _lines(result: Explanation, output: Path) -> Iterable[tuple[str, str]]:
    attribution, cost = result.attribution, result.cost
    height, width = result.image.shape[:2]
    yield "answer", f"{result.answer.strip()}  ({result.model})"
    if attribution.fallback:
        yield "concept", "none is decisive: the whole image"
    elif attribution.concept is not None:
        score = (attribution.concept_scores or {}).get(attribution.concept)
        yield "concept", attribution.concept + ("" if score is None else f"  (score {score:.3g})")
    boxes = [" ".join(str(round(edge)) for edge in box) for box in result.boxes]
    if boxes:
        yield "boxes", "\n".join(boxes)
        yield "", f"x0 y0 x1 y1 in the image's {width} x {height} pixels"
    else:
        yield "boxes", "none: the method found nothing that stands out"
    passes = [f"{cost.forward} forward"] + ([f"{cost.backward} backward"] if cost.backward else [])
    yield "cost", f"{' and '.join(passes)} passes"
    yield "picture", str(output)
