"""``harness explain``: explanations of answers about images, each with a picture, or all on a page."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.flags import INTERRUPTED, add_settings, prepare, read_settings
from harness.text import plain, say

if TYPE_CHECKING:
    import numpy as np

    from harness.contracts.attributor import Attributor
    from harness.contracts.model import Model
    from harness.explaining.settings import ExplainSettings
    from harness.explaining.targets import Target

QUESTION = 'harness explain IMAGE --question "Is there evidence of cardiomegaly in the image?"'


def add_parser(subparsers: Any) -> None:
    """Add ``explain``."""
    from harness.explaining.settings import ExplainSettings

    parser = subparsers.add_parser(
        "explain",
        help="explain answers about images, with pictures",
        description="Ask a model about chest X-rays, explain its answers, and draw the explanations. Several images, "
        "or several methods, come as a folder of pictures and one page.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "images", type=Path, nargs="+", metavar="IMAGE", help="a PNG (8 or 16 bit), JPEG or DICOM file, or a folder"
    )
    add_settings(parser, ExplainSettings)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Explain and draw; 1 where something could not be explained. What can be refused is refused before the model is
    loaded."""
    from harness.explaining.settings import ExplainSettings

    settings = read_settings(args, ExplainSettings)
    if settings is None:
        return 0
    if not (settings.question or "").strip():
        raise HarnessError(f"The question is empty; ask something by --question TEXT, as in `{QUESTION}`.")
    if settings.answer is not None and not settings.answer.strip():
        raise HarnessError("The answer is empty; leave --answer out to explain the model's own.")
    return _explain(args.images, settings)


def _explain(given: Sequence[Path], settings: ExplainSettings) -> int:
    prepare(settings.threads, settings.cache)
    from rich.console import Console

    from harness.explaining.default_model import default_model
    from harness.explaining.explanation import painter
    from harness.explaining.images import find_images, names_of
    from harness.explaining.methods import choose_methods
    from harness.explaining.several import read_each
    from harness.explaining.targets import target_of
    from harness.reading.image import read_image
    from harness.registry import Registry

    registry, notes = Registry.discover(), Console(stderr=True)
    paths = find_images(given)
    model = settings.model or default_model(registry).name
    network, methods, left_out = choose_methods(
        registry, settings.options, model, settings.attributors, settings.all_attributors, settings.answer is not None
    )
    alone = len(paths) == len(methods) == 1 and not given[0].is_dir()
    target = target_of(settings.output, paths, alone, next(iter(methods)))
    painter()
    for line in left_out:
        say(notes, f"Left out: {line}", wrap=True)
    images = read_each(paths, names_of(paths), partial(read_image, upright=True))
    if alone:  # an image that cannot be read is refused before anything is loaded
        images = iter([first := next(images)])
        if isinstance(first[1], HarnessError):
            raise first[1]
    with notes.status("Loading the model …"):
        loaded = network.load()
    return _each(images, loaded, methods, settings, target)


def _each(
    images: Iterator[tuple[str, np.ndarray | HarnessError]],
    model: Model,
    attributors: Mapping[str, Attributor],
    settings: ExplainSettings,
    target: Target,
) -> int:
    from rich.console import Console

    from harness.explaining.explanation import Explanation
    from harness.explaining.several import explain_each
    from harness.explaining.told import show

    console, notes, failed = Console(), Console(stderr=True), 0
    asked = settings.question or "", model, attributors
    try:
        for name, found in explain_each(images, *asked, settings.answer, settings.seed, settings.upsampling):
            if isinstance(found, Explanation):
                about = "" if target.alone else f"{name}, {found.attributor}"
                show(found, target.keep(name, found), console, about)
                continue
            if target.alone:
                raise HarnessError(found.why)
            failed += 1
            target.fail(found)
            say(notes, f"Not explained: {plain(str(found))}", "red", wrap=True)
    except KeyboardInterrupt:
        target.finish()
        say(notes, "interrupted; what was explained by then is there", wrap=True)
        return INTERRUPTED
    for line in target.finish():
        say(console, line)
    return 1 if failed else 0
