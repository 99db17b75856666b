"""What MedFocus costs a sample: concept transfer, and one batch of hidden concepts against one forward each.

Run from the repository's root: ``python -m benchmarks.medfocus [--images N]``. Side by side in one process, on phantoms
that no split holds: the transfer of the pool's concepts by the separable solver against POT's dense one on the same
masses (one image: it is slow), and, for each embedded model, the interventions at the boxes of medfocus-consensus in
one batch against a plain loop.
Printed are the least seconds of several repeats, and the ratios.
"""

from __future__ import annotations

import argparse
import warnings

import numpy as np

from benchmarks.uot import best, pot_plan
from harness import Box, Case, Registry
from harness.contracts.mode import question
from harness.imaging.read import letterbox
from plugins.attributors.medfocus.concept_hiding import ConceptHiding
from plugins.attributors.medfocus.hiding import hide
from plugins.attributors.medfocus.medfocus_consensus import MedFocusConsensus
from plugins.attributors.medfocus.references import mass
from plugins.attributors.medfocus.uot import solve
from plugins.phantom import splits
from plugins.phantom.population import person
from plugins.phantom.radiograph import Radiograph

ASKED = question("pleural effusion", "direct")


def transfer(method: ConceptHiding, frame: np.ndarray, content: Box) -> None:
    """The whole pool fitted to one image, by both solvers."""
    o = method.options
    target = mass(frame, o.grid, content)
    sources = np.stack([mass(image, o.grid) for image in method.pool.images])
    ours, _ = best(lambda: solve(sources, target, o.epsilon, o.lam))
    theirs, _ = best(lambda: [pot_plan(source, target, o.epsilon, o.lam) for source in sources], repeats=1)
    print(f"transfer of {len(sources)} references at {o.grid} x {o.grid}, an image")
    print(f"  separable {ours:.3f} s, POT's dense solver {theirs:.1f} s, ratio {theirs / ours:.0f}")


def interventions(name: str, method: ConceptHiding, frames: list[tuple[np.ndarray, Box]]) -> None:
    """The hidden concepts of each image in one batch, and one after the other."""
    model = Registry.discover().find("model", name)()
    model.load()
    hidden = []
    for frame, content in frames:
        boxes = method.boxes(frame, content)  # placed before the clock runs: the transfer is timed apart
        hidden.append([frame, *(hide(frame, (box,), np.zeros_like(frame)) for box in boxes.values())])

    def batch() -> list[np.ndarray]:
        return [Case(model, images[0], ASKED, "Yes", content).score(images) for images, (_, content) in zip(
            hidden, frames, strict=True)]  # fmt: skip

    def loop() -> list[np.ndarray]:
        return [np.concatenate([model.score([image], ASKED, "Yes") for image in images]) for images in hidden]

    off = max(float(np.abs(a - b).max()) for a, b in zip(batch(), loop(), strict=True))
    one, many = (best(way)[0] / len(frames) for way in (batch, loop))
    print(f"{name}: the image and its {len(hidden[0]) - 1} hidden concepts, a sample")
    print(f"  one batch {one:.3f} s, a forward each {many:.3f} s, ratio {many / one:.2f}; largest difference {off:.0e}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    method, frames = MedFocusConsensus(), []
    method.load()
    for seed in splits.TEST[: args.images]:
        frame, place = letterbox(Radiograph(person(seed)).image())
        frames.append((frame, place.content))
    transfer(method, *frames[0])
    for name in ("phantom-qwen2.5-vl", "phantom-gemma3"):
        interventions(name, method, frames)


if __name__ == "__main__":
    main()
