"""What the constants of medfocus-zoom are worth: the same records decided and searched in other ways.

``python -m scripts.search_constants --each 6`` makes records of patients of DEVELOP, by the causal filter, with an
embedded model, and prints for each way the IoU (percent, by mode), how often the concept is right, and on planted
causes how often the lesion is marked instead. No choice has seen the patients of the benchmark.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

import scripts.build_phantom_bench as bench
from harness import load_model
from harness.building.causal import ask, counterfactuals, judge
from harness.contracts.case import Case
from harness.contracts.mode import MODES
from harness.contracts.model import Model
from harness.contracts.source import Sample
from harness.imaging.frame import FRAME_SIDE, Box, Letterbox
from harness.imaging.overlap import overlap
from harness.imaging.read import letterbox
from plugins.attributors.medfocus import cause, medfocus_zoom
from plugins.attributors.medfocus.cause import Boxes, Lattice, Likely
from plugins.attributors.medfocus.located import Located
from plugins.attributors.medfocus.medfocus_zoom import MedFocusZoom, held_by
from plugins.editors.phantom import PhantomEditor
from plugins.phantom import splits
from plugins.phantom.film import film
from plugins.sources.phantom import Phantom, PhantomPlanted, sample


@dataclass
class Known:
    """A record, its case, and once it was searched what was hidden and what that cost."""

    sample: Sample
    place: Letterbox
    case: Case
    found: Located
    hidden: Boxes = field(default_factory=lambda: np.zeros((0, 4)))
    costs: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def iou(self, box: Box, kind: str | None = None) -> float:
        """The IoU of a box of the frame with the true boxes, in percent."""
        truth = self.sample.boxes if kind is None else self.sample.truths[kind]  # type: ignore[index]
        return 100 * overlap([self.place.to_native(box)], truth).iou


def records(model: Model, planted: bool, each: int) -> Iterator[Known]:
    """The records of patients of DEVELOP that the causal filter keeps."""
    bench.PATIENTS, bench.PLANTED_PATIENTS = splits.DEVELOP[:500_000], splits.DEVELOP[500_000:]
    editor, method = PhantomEditor(), MedFocusZoom()
    source = PhantomPlanted.name if planted else Phantom.name
    for index, row in enumerate((bench.planted if planted else bench.samples)(each)):
        about = sample(source, index, row)
        image = film(about.image).image()
        images = (image, *counterfactuals(editor, image, about))
        frame, place = letterbox(image, FRAME_SIDE)
        for mode in MODES:
            record = ask(model, images, about, mode)
            if judge(record) is None:
                case = Case(model, frame, about.question(mode), record.prediction.strip(), place.content)
                yield Known(about, place, case, method.located(frame, place.content))


def searched(known: Sequence[Known], **options: Any) -> list[Known]:
    """The records, searched by the constants as they are."""
    method, done = MedFocusZoom(MedFocusZoom.Options(**options)), []
    for one in known:
        lattice = Lattice(one.place.content, FRAME_SIDE)
        hidden, drops = method.search(one.case, one.found, lattice)
        done.append(replace(one, hidden=hidden, costs=drops.sum(1)))
    return done


Pick = Callable[[Likely], Box]


def decided(known: Sequence[Known], pick: Pick = Likely.best) -> dict[str, list[float]]:
    """IoU by mode, whether the concept is right, and whether the plausible box was marked instead."""
    figures: dict[str, list[float]] = {}
    for one in known:
        lattice = Lattice(one.place.content, FRAME_SIDE)
        likely = lattice.likely(one.hidden, one.costs, cause.KEPT)
        box = pick(likely)
        mode = "reasoning" if "step by step" in one.case.question else "direct"
        figures.setdefault(mode, []).append(one.iou(box))
        if one.sample.concepts:
            name = held_by(likely, one.found.boxes, FRAME_SIDE)[0]
            figures.setdefault("concept", []).append(100 * (name in one.sample.concepts))
        if "plausible" in one.sample.truths:
            figures.setdefault("fooled", []).append(100 * (one.iou(box, "plausible") > one.iou(box)))
            named = held_by(likely, one.found.boxes, FRAME_SIDE)[0] is not None
            figures.setdefault(f"named, {one.sample.attribute}", []).append(100 * named)
    return figures


def tell(what: str, figures: dict[str, list[float]]) -> None:
    """A line of the table."""
    told = ", ".join(f"{name} {np.mean(values):.1f}" for name, values in sorted(figures.items()))
    print(f"{what:44} {told}  (n {sum(len(figures[mode]) for mode in MODES)})", flush=True)


def with_constants(module: Any, **values: Any) -> Callable[[], None]:
    """Set constants; what is returned sets them back."""
    before = {name: getattr(module, name) for name in values}
    for name, value in values.items():
        setattr(module, name, value)
    return lambda: [setattr(module, name, value) for name, value in before.items()] and None


def likeliest(likely: Likely) -> Box:
    """The box of the greatest weight."""
    return Box(*map(float, likely.boxes[np.argmax(likely.weights)]))


def main() -> None:
    """The tables of one model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="phantom-qwen2.5-vl")
    parser.add_argument("--each", type=int, default=6, help="findings of each kind")
    args = parser.parse_args()
    torch.set_num_threads(1)
    known = list(records(load_model(args.model), False, args.each))
    print(f"{args.model}: {len(known)} records of DEVELOP")
    usual = searched(known)
    tell("as it is", decided(usual))
    tell("the likeliest box, not the best overlap", decided(usual, likeliest))
    for module, name, values in (
        (cause, "POWER", (1.0, 1.5, 2.5, 3.0)),
        (cause, "TRUST", (1.0, 2.0, 4.0, 8.0)),
        (cause, "KEPT", (100, 200, 800)),
        (medfocus_zoom, "HELD", (0.0, 0.3, 0.5, 0.6)),
    ):
        for value in values:
            back = with_constants(module, **{name: value})
            tell(f"{name} {value}", decided(usual))
            back()
    for what, module, constants, options in (
        ("all windows at once, none chosen by the first", medfocus_zoom, {"ROUNDS": 1}, {}),
        ("two rounds", medfocus_zoom, {"ROUNDS": 2}, {}),
        ("windows of 4 and 6 cells alone", cause, {"SIZES": (4, 6)}, {}),
        ("windows of 2 cells alone", cause, {"SIZES": (2,)}, {}),
        ("lines off the patches' (15 cells)", cause, {"CELLS": 15}, {}),
        ("blurred, not black", cause, {}, {"baseline": "blur"}),
        ("48 passes", cause, {}, {"passes": 48}),
        ("128 passes", cause, {}, {"passes": 128}),
    ):
        back = with_constants(module, **constants)
        tell(what, decided(searched(known, **options)))
        back()
    planted = searched(list(records(load_model(f"{args.model}-planted"), True, 2 * args.each)))
    for held in (0.0, 0.3, 0.4, 0.5):
        back = with_constants(medfocus_zoom, HELD=held)
        tell(f"planted causes, HELD {held}", decided(planted))
        back()


if __name__ == "__main__":
    main()
