"""Where the concepts lie on a film: the pool's mean film fitted to it, and each reference's outlines carried along.

Films differ most in what part of the body they show and how large; that much can be read off the large structures
alone, dark lungs about a bright middle, without any weights.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from harness.imaging.frame import Box
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.film_area import film_area
from plugins.attributors.medfocus.fit import Fit, bend, fit_pose
from plugins.attributors.medfocus.located import Located
from plugins.attributors.medfocus.references import Pool
from plugins.attributors.medfocus.regions import clip
from plugins.attributors.medfocus.search import Search
from plugins.attributors.medfocus.structure import equalised, resample, structure
from plugins.attributors.medfocus.template import make_template

STARTS = 3  # poses of the coarse fit that are tried out
# Agreements, before anything is bent, at which confidence is 0 and 1. On 225 films of DEVELOP, framed and exposed in 15
# ways, it was 0.65 to 0.92 (0.52 to 0.76 under the harshest local contrast; 0.45 on one film that was fitted wrongly);
# on noise, textures and photographs below 0.64, mostly below 0.5. (With nine scales in the search; now it has ten.)
NONE_AT, SURE_AT = 0.4, 0.8
DOUBTFUL = 0.5  # a confidence below which it is said
INVERTED = 1.15  # how many times better the negative must fit to be believed
# By how much the mirrored film must agree better: of 30 patients in 4 framings (DEVELOP) none is suspected, and 97 of
# their 120 mirrored films are; among other patients a film with large findings may be suspected wrongly.
MIRRORED = 0.02


class Locator:
    """A pool prepared for finding its concepts on films."""

    def __init__(self, pool: Pool) -> None:
        self.template = make_template(pool)
        self.search = Search(self.template)
        self.usual = usual_boxes(pool)

    def locate(self, image: np.ndarray, content: Box) -> Located:
        """The concepts on a frame image, uint8 [side, side, 3], of which ``content`` is no padding.

        The names of the sides are those of a film that is not mirrored, even where that is suspected.
        """
        film, edges = _film(image, content)
        if film.max() - film.min() < 1:
            boxes = placed(self.usual, edges)
            return Located(boxes, 0.0, ["The image is blank; the boxes are where the concepts usually lie."])
        cells = resample(film)
        pose, seen, notes = self._pose(cells)
        # What bends agrees with anything: the pose alone tells a chest from a photograph.
        confidence = float(np.clip((pose.agreement - NONE_AT) / (SURE_AT - NONE_AT), 0, 1))
        if confidence < DOUBTFUL:
            notes.insert(0, f"The anatomy was located with a confidence of only {confidence:.2f}; look at the boxes.")
        outlines = self._outlines(bend(self.template, seen, pose), film.shape, cells.shape, edges)
        return Located(dict(_boxes(outlines, edges)), round(confidence, 4), notes)

    def masks(self, image: np.ndarray, content: Box) -> dict[str, np.ndarray]:
        """The concepts' pixels, bool [side, side]: those in most references' outlines. None on a blank film."""
        from skimage.draw import polygon2mask

        film, edges = _film(image, content)
        if film.max() - film.min() < 1:
            return {}
        cells = resample(film)
        pose, seen, _ = self._pose(cells)
        found = {}
        outlines = self._outlines(bend(self.template, seen, pose), film.shape, cells.shape, edges)
        for name, points in zip(CONCEPTS, outlines, strict=True):
            there = points[np.isfinite(points).all((1, 2))]
            votes = np.zeros(image.shape[:2])
            for corners in there:
                votes += polygon2mask(image.shape[:2], corners[:, ::-1] - 0.5)
            if (mask := votes > len(there) / 2).any():
                found[name] = mask
        return found

    def _pose(self, cells: np.ndarray) -> tuple[Fit, np.ndarray, list[str]]:
        """The mean film's pose on a film, the film as it was read, and what looks wrong with it."""
        film = structure(equalised(cells))
        correlations = self.search.correlations(film)
        notes = []
        # Equal parts of a film and of its negative correlate to equal amounts and unlike signs.
        if -correlations.min() > INVERTED * correlations.max():
            film, correlations = -film, -correlations
            notes.append("The film seems to be inverted (air bright, bone dark), and was read as its negative.")
        starts = self.search.best(correlations, STARTS)
        best = max((fit_pose(self.template, film, start) for start in starts), key=lambda one: one.agreement)
        if self._mirrored(film, best):
            notes.append("The film seems to be mirrored (the heart on the right); left and right may be exchanged.")
        return best, film, notes

    def _outlines(self, fit: Fit, film: tuple[int, ...], cells: tuple[int, ...], edges: Box) -> np.ndarray:
        """Each concept's outline by each reference, frame pixels (x, y), float [11, R, DIRECTIONS, 2]."""
        scale = np.array([film[1] / cells[1], film[0] / cells[0]])
        return np.moveaxis(fit.to_film(self.template.outlines) * scale + [edges.x0, edges.y0], 1, 0)

    def _mirrored(self, film: np.ndarray, fit: Fit) -> bool:
        """Whether the film agrees better once it is turned over."""
        other = fit_pose(self.template, film[:, ::-1], fit.pose.mirrored(film.shape[1]))
        return other.agreement > fit.agreement + MIRRORED


def _film(image: np.ndarray, content: Box) -> tuple[np.ndarray, Box]:
    """The grey levels of what is film in a frame image, and where it lies."""
    top, left = round(content.y0), round(content.x0)
    grey = image[top : round(content.y1), left : round(content.x1)].astype(np.float64).mean(-1)
    rows, cols = film_area(grey)
    left, top, grey = left + cols.start, top + rows.start, grey[rows, cols]
    return grey, Box(left, top, left + grey.shape[1], top + grey.shape[0])


def _boxes(outlines: np.ndarray, edges: Box) -> Iterator[tuple[str, Box]]:
    """The median of each edge over the references, frame pixels, of the concepts that are on the film."""
    for name, points in zip(CONCEPTS, outlines, strict=True):
        there = points[np.isfinite(points).all((1, 2))]
        if not len(there):
            continue
        low, high = np.median(there.min(1), axis=0), np.median(there.max(1), axis=0)
        if (box := clip(Box(*map(float, (*low, *high))), edges)) is not None:
            yield name, box


def usual_boxes(pool: Pool) -> dict[str, Box]:
    """The median box of each concept over a pool, in shares of the film's width and height."""
    shares: dict[str, list[list[float]]] = {name: [] for name in CONCEPTS}
    for image, masks in zip(pool.images, pool.masks, strict=True):
        rows, cols = film_area(image.astype(np.float64))
        height, width = rows.stop - rows.start, cols.stop - cols.start
        for name, mask in zip(CONCEPTS, masks, strict=True):
            y, x = np.nonzero(mask)
            if len(x):
                across = [(edge - cols.start) / width for edge in (x.min(), x.max() + 1)]
                down = [(edge - rows.start) / height for edge in (y.min(), y.max() + 1)]
                shares[name].append([across[0], down[0], across[1], down[1]])
    return {name: Box(*map(float, np.median(rows, axis=0))) for name, rows in shares.items() if rows}


def placed(usual: dict[str, Box], film: Box) -> dict[str, Box]:
    """:func:`usual_boxes` on a film that lies in this box: where one looks without looking."""
    width, height = film.x1 - film.x0, film.y1 - film.y0
    return {
        name: Box(film.x0 + b.x0 * width, film.y0 + b.y0 * height, film.x0 + b.x1 * width, film.y0 + b.y1 * height)
        for name, b in usual.items()
    }
