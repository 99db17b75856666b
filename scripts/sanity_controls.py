"""Where the pass mark of ``harness sanity`` comes from: what methods get that do not read the model.

``python -m scripts.sanity_controls`` runs the test of all weights at once on controls: a hill over the middle of the
image, a random map by the sample's seed, and pure anatomy: the box of one concept, as MedFocus finds it in the image.
None of them reads the model, and none may pass. Two more draw anew each time that they are asked, as a method does
whose map hangs on weights alone: a random map, and the box of a random concept, which shows how alike two choices
among boxes of anatomy are.
"""

from __future__ import annotations

import argparse
from typing import ClassVar

import numpy as np

from harness import Attribution, Attributor, Case, Registry
from harness.api.given import labels
from harness.contracts.model import Capability
from harness.run.select import select
from harness.run.settings import RunSettings
from harness.sanity.randomisation import randomise
from harness.sanity.report import PASS_MARK, mean, passes
from plugins.attributors.controls import GRID
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.medfocus import MedFocus

_medfocus = MedFocus()


class OneConcept(Attributor):
    """Pure anatomy: the left lung, wherever it lies."""

    name: ClassVar[str] = "one-concept"
    needs: ClassVar[frozenset[Capability]] = frozenset()

    def attribute(self, case: Case) -> Attribution:
        return Attribution(boxes=[_medfocus.boxes(case.image, case.content)["left lung"]])


class AnyConcept(OneConcept):
    """Pure anatomy: another concept each time."""

    name: ClassVar[str] = "any-concept"
    rng: ClassVar[np.random.Generator] = np.random.default_rng(0)

    def attribute(self, case: Case) -> Attribution:
        boxes = _medfocus.boxes(case.image, case.content)
        return Attribution(boxes=[boxes[str(self.rng.choice([name for name in CONCEPTS if name in boxes]))]])


class AnyMap(OneConcept):
    """Another random map each time."""

    name: ClassVar[str] = "any-map"
    rng: ClassVar[np.random.Generator] = np.random.default_rng(0)

    def attribute(self, case: Case) -> Attribution:
        return Attribution(saliency=case.spread(self.rng.random((GRID, GRID))))


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, default=48, help="records, of both models and modes together")
    args = parser.parse_args()
    registry = Registry.discover()
    methods = ["center-prior", "random", *labels(registry, "attributor", [OneConcept, AnyConcept, AnyMap])]
    selection = select(registry, RunSettings(attributors=methods, limit=args.limit))
    found = randomise(selection, 0, "bilinear", True, lambda what: None)
    print(f"{args.limit} records; the pass mark is {PASS_MARK}")
    for method in methods:
        mine = [one for one in found if one.attributor == method]
        print(f"  {mean(mine):6.3f}  {'passes' if passes(mine) else 'does not pass'}  {method}")


if __name__ == "__main__":
    main()
