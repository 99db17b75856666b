"""Phantoms' films framed in other ways, with the concepts' exact boxes: what a locator must follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import rotate

from harness.imaging.frame import Box
from harness.imaging.read import letterbox
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.phantom.population import person
from plugins.phantom.radiograph import Radiograph

# Of a film, uint8 [h, w], and the concepts' masks, bool [11, h, w], both framed anew.
Framed = tuple[np.ndarray, np.ndarray]
Framing = Callable[[np.ndarray, np.ndarray, np.random.Generator], Framed]
VISIBLE = 0.5  # of a concept that must be on the film for its box to count


@dataclass(frozen=True)
class Film:
    """A film in the frame, uint8 [side, side, 3], where in it there is image, and the concepts' true boxes there."""

    frame: np.ndarray
    content: Box
    boxes: dict[str, Box]


def cropped(share: float) -> Framing:
    """This share of both sides cut off, as chance has it."""

    def crop(film: np.ndarray, masks: np.ndarray, rng: np.random.Generator) -> Framed:
        height, width = (round(n * (1 - share)) for n in film.shape)
        y, x = rng.integers(0, film.shape[0] - height + 1), rng.integers(0, film.shape[1] - width + 1)
        return film[y : y + height, x : x + width], masks[:, y : y + height, x : x + width]

    return crop


def bordered(film: np.ndarray, masks: np.ndarray, rng: np.random.Generator) -> Framed:
    """Up to a fifth of a side more at each side, all black, white or grey."""
    y, x = ((rng.uniform(0, 0.2, 2) * n).astype(int) for n in film.shape)
    value = int(rng.choice([0, 255, 128]))
    return np.pad(film, (y, x), constant_values=value), np.pad(masks, ((0, 0), y, x))


def turned(degrees: float) -> Framing:
    """Turned to one side or the other; what was not on the film is black."""

    def turn(film: np.ndarray, masks: np.ndarray, rng: np.random.Generator) -> Framed:
        angle = degrees * float(rng.choice([-1, 1]))
        shapes = [rotate(mask.astype(np.float32), angle, reshape=False, order=1) > 0.5 for mask in masks]
        return rotate(film, angle, reshape=False, order=1), np.stack(shapes)

    return turn


def as_it_is(film: np.ndarray, masks: np.ndarray, rng: np.random.Generator) -> Framed:
    """The film itself."""
    return film, masks


def all_together(film: np.ndarray, masks: np.ndarray, rng: np.random.Generator) -> Framed:
    """Turned by up to 10 degrees, up to a fifth cut off, and a border."""
    for framing in (turned(rng.uniform(0, 10)), cropped(rng.uniform(0, 0.2)), bordered):
        film, masks = framing(film, masks, rng)
    return film, masks


FRAMINGS: dict[str, Framing] = {
    "as they are": as_it_is,
    "cropped by 10%": cropped(0.1),
    "cropped by 20%": cropped(0.2),
    "with borders": bordered,
    "turned by 10 degrees": turned(10),
    "AP": as_it_is,
    "turned, cropped, bordered": all_together,
}


def films(seed: int, names: Iterable[str] = tuple(FRAMINGS)) -> dict[str, Film]:
    """A patient's film in each of these framings; the AP one is taken lying: a larger heart, a shallower breath,
    shoulder blades over the lungs."""
    patient = person(seed)
    p = patient.p
    lying = {"heart": p["heart"] * 1.06, "inspiration": p["inspiration"] - 9, "scapula": p["scapula"] - 9}
    lying |= {"clav_y": p["clav_y"] - 6}
    drawn: dict[bool, Framed] = {}
    made = {}
    for name in names:
        if (flat := name == "AP") not in drawn:
            drawn[flat] = _drawn(Radiograph(replace(patient, p=p | lying) if flat else patient))
        film, masks = drawn[flat]
        made[name] = _framed(*FRAMINGS[name](film, masks, np.random.default_rng([seed, *name.encode()])), masks)
    return made


def tight(mask: np.ndarray) -> Box:
    """The half-open box of a mask's true pixels."""
    rows, cols = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(float(cols[0]), float(rows[0]), float(cols[-1] + 1), float(rows[-1] + 1))


def _drawn(film: Radiograph) -> Framed:
    masks = film.anatomy.masks()
    return film.render(), np.stack([masks[name] for name in CONCEPTS])


def _framed(film: np.ndarray, masks: np.ndarray, whole: np.ndarray) -> Film:
    frame, place = letterbox(np.repeat(film[..., None], 3, axis=2), 224)
    boxes = {
        name: place.to_frame(tight(mask))
        for name, mask, full in zip(CONCEPTS, masks, whole, strict=True)
        if mask.sum() >= VISIBLE * full.sum() > 0
    }
    return Film(frame, place.content, boxes)
