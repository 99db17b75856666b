"""What a model's answer owes to the pixels that a method marks: areas under the deletion and insertion curves.

Source: Petsiuk et al. 2018, "RISE". Pixels go black, or come back into a black image, in the order of their
importance; at each step the answer's tokens get a mean probability. No annotation has a part in it. Both
curves start or end in black, not in a blurred image, as the interventions of this benchmark do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from harness.contracts.attributor import Attribution, Case

FIELDS = ("deletion", "insertion")
DECIMALS = 6


def faithfulness(said: Attribution | None, case: Case, steps: int) -> dict[str, float | None]:
    """Both areas, 0..1, as fields of a journal row; null where the attributor failed or the model does.

    ``steps``: how many equal parts of the image go one after the other; it costs twice as many passes, which
    are charged to ``case``: give one that is not the attributor's own.
    """
    nothing: dict[str, float | None] = dict.fromkeys(FIELDS)
    if said is None or "score" not in case.model.capabilities:
        return nothing
    try:
        found = areas(importance(said, case), case, steps)
    except Exception:  # the row has the attributor's own result already, which stands
        return nothing
    return {name: round(area, DECIMALS) for name, area in zip(FIELDS, found, strict=True)}


def importance(said: Attribution, case: Case) -> np.ndarray:
    """The image's pixels within the frame, int [P] into its flat rows, the most important first.

    By the saliency map, else by whether a box holds the pixel's middle. Ties, of which a coarse map is full,
    are in a random order fixed by the case's seed: scan order would favour the top.
    """
    height, width = case.image.shape[:2]
    if said.saliency is not None:
        heat = np.asarray(said.saliency, np.float64)
    else:
        heat = np.zeros((height, width))
        ys, xs = np.arange(height)[:, None] + 0.5, np.arange(width)[None, :] + 0.5
        for x0, y0, x1, y1 in said.boxes or ():
            heat[(ys >= y0) & (ys < y1) & (xs >= x0) & (xs < x1)] = 1
    x0, y0, x1, y1 = (round(edge) for edge in case.content)
    inside = np.arange(height * width).reshape(height, width)[y0:y1, x0:x1].ravel()
    inside = np.random.default_rng(case.seed).permutation(inside)
    return inside[np.argsort(-heat.ravel()[inside], kind="stable")]


def areas(order: np.ndarray, case: Case, steps: int) -> tuple[float, float]:
    """The areas under the deletion curve (low is faithful) and the insertion curve (high is), 0..1."""
    pixels = case.image.reshape(-1, case.image.shape[2])
    ends = [round(k * len(order) / steps) for k in range(steps + 1)]
    deleted, inserted = [], []
    for end in ends:
        less, more = pixels.copy(), np.zeros_like(pixels)
        less[order[:end]] = 0
        more[order[:end]] = pixels[order[:end]]
        deleted.append(less.reshape(case.image.shape))
        inserted.append(more.reshape(case.image.shape))
    # The insertion curve begins where the deletion curve ends, and the other way round.
    scores = np.exp(case.score([*deleted, *inserted[1:-1]])).mean(axis=1)
    deletion = scores[: steps + 1]
    insertion = np.concatenate([deletion[-1:], scores[steps + 1 :], deletion[:1]])
    return _area(deletion), _area(insertion)


def _area(curve: Any) -> float:
    return float(np.mean((curve[1:] + curve[:-1]) / 2))
