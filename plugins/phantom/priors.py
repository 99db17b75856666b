"""Where a finding lies on average: the best constant box of each kind, in the film's frame and in the body's.

The controls `question-prior` and `body-prior` answer with these. They are fitted on patients of whom no record is.
"""

from __future__ import annotations

import numpy as np

from harness.imaging.frame import Box
from plugins.phantom.projection import HEIGHT, PIXEL_MM, WIDTH, Projection

Edges = tuple[float, float, float, float]


def to_body(projection: Projection, box: Box) -> Edges:
    """A box of the film, native pixels, as the upright box about it in body mm (depth 0)."""
    x, y = projection.plane(0.0)
    rows = [min(HEIGHT - 1, max(0, round(edge))) for edge in (box.y0, box.y1)]
    cols = [min(WIDTH - 1, max(0, round(edge))) for edge in (box.x0, box.x1)]
    xs, ys = x[np.ix_(rows, cols)], y[np.ix_(rows, cols)]
    # The middle line of each side, so that a turned film does not widen the box.
    return tuple(float(e) for e in (xs[:, 0].mean(), ys[0].mean(), xs[:, 1].mean(), ys[1].mean()))  # type: ignore[return-value]


def to_film(projection: Projection, edges: Edges) -> Box:
    """A box in body mm as the upright box on the film, native pixels: the inverse of :func:`to_body`."""
    x0, y0, x1, y1 = edges
    corners = np.array([[x, y, 0.0] for y in (y0, y1) for x in (x0, x1)])
    col, row = (edge.reshape(2, 2) for edge in projection.project(corners))
    box = Box(col[:, 0].mean() + 0.5, row[0].mean() + 0.5, col[:, 1].mean() + 0.5, row[1].mean() + 0.5)
    return box.clip(WIDTH, HEIGHT)


FILM: Edges = (0.0, 0.0, float(WIDTH), float(HEIGHT))
BODY: Edges = (-0.62 * WIDTH * PIXEL_MM, -0.62 * HEIGHT * PIXEL_MM, 0.62 * WIDTH * PIXEL_MM, 0.62 * HEIGHT * PIXEL_MM)
