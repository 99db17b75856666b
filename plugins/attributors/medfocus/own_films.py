"""A reference pool from a folder of films that anybody annotated: masks, LabelMe's shapes or COCO's annotations."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from harness.errors import HarnessError
from harness.imaging.read import letterbox, letterbox_mask
from harness.reading.image import read_image
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.drawn_shapes import Shapes, coco_shapes, concept_named, labelme_shapes, rasterised
from plugins.attributors.medfocus.references import Pool

FILMS = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")


def pool_of_films(root: Path, annotations: Path | None = None, count: int | None = None) -> Pool:
    """The films of a folder in the order of their names, each with the concepts that are annotated on it.

    Parameters
    ----------
    root
        Holds the films ``STEM.png`` (or JPEG, DICOM) and beside each ``STEM/CONCEPT.png``, ``STEM/CONCEPT.npy`` or
        ``STEM.json`` (LabelMe).
    annotations
        A COCO file, which is then used for all films instead.
    count
        The first so many alone.

    Raises
    ------
    HarnessError
        For a film or an annotation that cannot be used, with the file, the field and what to do; and where no film has
        any concept.
    """
    coco = None if annotations is None else coco_shapes(annotations)
    images, masks = [], []
    for path in sorted(path for path in root.iterdir() if path.suffix.lower() in FILMS):
        image = read_image(path)
        shapes = labelme_shapes(path.with_suffix(".json")) if coco is None else coco.get(path.name)
        found = _from_folder(path, image) if shapes is None and coco is None else _from_shapes(path, image, shapes)
        framed = np.stack([letterbox_mask(found[name]) > 127 if name in found else _nothing() for name in CONCEPTS])
        if not framed.any():
            continue  # a film nobody annotated
        images.append(letterbox(image)[0][..., 0])
        masks.append(framed)
        if len(images) == count:
            break
    if not images:
        raise HarnessError(
            f"No film in {root} has a concept; annotate them as STEM/CONCEPT.png, .npy, STEM.json (LabelMe) or by "
            f"--annotations (COCO). The concepts are: {', '.join(CONCEPTS)}."
        )
    origin = f"{len(images)} film{'s' * (len(images) > 1)} of the folder {root.resolve().name}"
    return Pool(np.stack(images), np.stack(masks), origin)


def lacking(pool: Pool) -> list[str]:
    """The concepts that no reference has."""
    return [name for k, name in enumerate(CONCEPTS) if not pool.masks[:, k].any()]


def _nothing() -> np.ndarray:
    return np.zeros((224, 224), bool)


def _from_shapes(path: Path, image: np.ndarray, shapes: Shapes | None) -> dict[str, np.ndarray]:
    """The masks of the shapes drawn on a film; none where nobody drew any."""
    if shapes is None:
        return {}
    height, width = image.shape[:2]
    if shapes.size is not None and shapes.size != (width, height):
        raise HarnessError(
            f"{shapes.where}: it annotates an image of {shapes.size[0]} x {shapes.size[1]} pixels, but {path} has "
            f"{width} x {height}; annotate the film as it is in the folder."
        )
    return rasterised(shapes, height, width)


def _from_folder(path: Path, image: np.ndarray) -> dict[str, np.ndarray]:
    """The masks in the folder of a film's name."""
    folder, found = path.with_suffix(""), {}
    if not folder.is_dir():
        return {}
    for file in sorted(file for file in folder.iterdir() if file.suffix.lower() in (".png", ".npy")):
        name = concept_named(file.stem)
        if name is None:
            raise HarnessError(f"The mask {file} has no concept's name; rename it to one of: {', '.join(CONCEPTS)}.")
        mask = _mask(file)
        if mask.shape != image.shape[:2]:
            raise HarnessError(
                f"The mask {file} has {mask.shape[1]} x {mask.shape[0]} pixels, but the film {path} has "
                f"{image.shape[1]} x {image.shape[0]}; save it in the film's size."
            )
        found[name] = mask
    return found


def _mask(file: Path) -> np.ndarray:
    if file.suffix.lower() == ".png":
        return np.asarray(read_image(file).max(-1) > 0)
    try:
        values = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise HarnessError(f"The mask {file} cannot be read: {error}; save it by numpy.save, as numbers.") from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or values.dtype.kind not in "biuf":
        raise HarnessError(f"The mask {file} is no array [height, width] of numbers; save a 2-D array by numpy.save.")
    return np.asarray(values != 0)

