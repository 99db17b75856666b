"""The model parameter randomisation test (Adebayo et al. 2018, arXiv 1810.03292, section 3).

The same answers are explained by the model as it is, and again each time the weights of a further part have been
shuffled, from the output down. After the last part nothing is left of what was learnt: that is the test of all weights
at once. What a method shows of the model must have changed by then; what it shows of the image, or of itself, has not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from statistics import fmean

import numpy as np

from harness.contracts.attributor import Attributor
from harness.contracts.explained import heat_of
from harness.contracts.model import Capture, Model
from harness.contracts.source import read_sample
from harness.errors import HarnessError, one_line
from harness.imaging.correlation import rank_correlation
from harness.imaging.frame import FRAME_SIDE, Letterbox
from harness.imaging.read import letterbox
from harness.imaging.upsample import Upsampling
from harness.participants import Participant
from harness.run.select import Selection, Task
from harness.run.shared_case import SharedCase, boxes_of, seed_everything
from harness.run.worker import lacking, seed_of
from harness.sanity.report import Compared
from harness.text import writable

DIGITS = 6
Maps = dict[tuple[int, str], np.ndarray]  # by the record's place and the method


@dataclass(frozen=True)
class Picture:
    """A record, and its image as models see it: uint8 [side, side, 3], and how it lies in there."""

    task: Task
    frame: np.ndarray
    place: Letterbox


def randomise(
    selection: Selection, seed: int, upsampling: Upsampling, at_once: bool, doing: Callable[[str], None]
) -> list[Compared]:
    """Compare the maps of every method on every model, before and after its weights are shuffled.

    Parameters
    ----------
    selection
        The records, methods and models. Each model is loaded anew, and given up at the end: a shuffled one is never
        seen by anything else.
    seed
        Fixes how weights are shuffled, and what methods draw.
    upsampling
        How cells and tokens become maps.
    at_once
        Leave out all steps but the last, after which every weight is shuffled.
    doing
        Hears what is done now.

    Raises
    ------
    HarnessError
        Where a model or a method cannot be loaded, an image cannot be read, and where a model cannot shuffle its
        weights.
    """
    methods = {one.label: one.load() for one in selection.attributors}
    found: list[Compared] = []
    for one in selection.models:
        doing(f"loading {one.label}")
        model = one.load()
        parts = model.parts()
        if not parts:
            raise HarnessError(
                f"The model {one.label!r} cannot shuffle its weights: its class must offer `parts` and `shuffle`."
            )
        able = {by.label: methods[by.label] for by in selection.attributors if lacking(by, one) is None}
        found += _one_model(model, parts, one, able, selection, seed, upsampling, at_once, doing)
    return found


def _one_model(
    model: Model,
    parts: Sequence[str],
    one: Participant[Model],
    methods: Mapping[str, Attributor],
    selection: Selection,
    seed: int,
    upsampling: Upsampling,
    at_once: bool,
    doing: Callable[[str], None],
) -> list[Compared]:
    pictures = [_picture(task, selection) for task in selection.tasks[one.label]]
    faults: dict[tuple[int, str], str] = {}
    doing(f"{one.label} · as it was trained")
    before = _maps(model, pictures, methods, seed, upsampling, faults)
    steps: dict[str, dict[tuple[int, str], float]] = {}
    for number, part in enumerate(parts, 1):
        model.shuffle(part, seed_of_part(seed, part))
        if not at_once or number == len(parts):
            doing(f"{one.label} · {number} of {len(parts)} parts shuffled")
            after = _maps(model, pictures, methods, seed, upsampling, faults)
            steps[part] = {
                key: round(rank_correlation(before[key], after[key], pictures[key[0]].place.content), DIGITS)
                for key in before
                if key in after
            }
    found = []
    for label in methods:
        for mode in dict.fromkeys(picture.task.record.mode for picture in pictures):
            keys = [(place, label) for place, p in enumerate(pictures) if p.task.record.mode == mode]
            last = [steps[parts[-1]][key] for key in keys if key in steps[parts[-1]]]
            means = {part: [values[key] for key in keys if key in values] for part, values in steps.items()}
            cascade = {part: round(fmean(values), DIGITS) for part, values in means.items() if values}
            found.append(
                Compared(
                    model=one.label,
                    mode=mode,
                    attributor=label,
                    correlations=last,
                    missing=len(keys) - len(last),
                    why=next((faults[key] for key in keys if key in faults), None),
                    cascade={} if at_once else cascade,
                )
            )
    return found


def seed_of_part(seed: int, part: str) -> int:
    """A seed of one part, whichever others are shuffled."""
    return int.from_bytes(blake2b(f"{seed}\n{part}".encode(), digest_size=4).digest(), "big")


def _picture(task: Task, selection: Selection) -> Picture:
    frame, place = letterbox(read_sample(selection.sources[task.record.dataset], task.sample), FRAME_SIDE)
    return Picture(task, frame, place)


def _maps(
    model: Model,
    pictures: Sequence[Picture],
    methods: Mapping[str, Attributor],
    seed: int,
    upsampling: Upsampling,
    faults: dict[tuple[int, str], str],
) -> Maps:
    """What each method says of each record, as maps, float32 [side, side]; what fails is not there but in ``faults``.

    Passes are shared as in a run, among the methods of one record and no further.
    """
    asked = (method.captures for method in methods.values())
    captures = frozenset[Capture]().union(*(own for own in asked if not model.cannot_capture(own)))
    found: Maps = {}
    for place, picture in enumerate(pictures):
        task, shared = picture.task, {}  # type: ignore[var-annotated]
        for label, method in methods.items():
            case = SharedCase(
                model=model,
                image=picture.frame.copy(),
                question=task.sample.question(task.record.mode),
                answer=task.record.prediction.strip(),
                content=picture.place.content,
                seed=seed_of(seed, task.sample, task.record.mode),
                captures=captures,
                record=task.key,
                upsampling=upsampling,
                shared=shared,
                own=method.captures,
            )
            seed_everything(case.seed)
            try:
                said = method.attribute(case)
                boxes_of(said, case)  # raises for what a run would not accept either
            except (Exception, SystemExit) as error:
                faults.setdefault((place, label), writable(one_line(error)))
                continue
            found[place, label] = heat_of(said, FRAME_SIDE).astype(np.float32)
    return found
