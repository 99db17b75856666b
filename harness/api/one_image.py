"""``harness.explain``: one explanation of one answer, and what may be loaded beforehand for many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.api.given import Options, assignments, label_of
from harness.contracts.attributor import Attributor
from harness.contracts.model import Model
from harness.errors import HarnessError
from harness.explaining.default_model import default_model
from harness.explaining.explain import check_capabilities, explain_answer
from harness.explaining.explanation import Explanation
from harness.imaging.upsample import Upsampling
from harness.participants import choose
from harness.registry import Kind, Registry

if TYPE_CHECKING:
    from PIL.Image import Image


def explain(
    image: str | Path | np.ndarray | Image,
    question: str,
    model: str | type[Model] | Model | None = None,
    attributor: str | type[Attributor] | Attributor | None = None,
    *,
    answer: str | None = None,
    options: Options = (),
    seed: int = 0,
    upsampling: Upsampling = "bilinear",
    registry: Registry | None = None,
) -> Explanation:
    """Explain one answer about one image: ``harness explain`` as a function. A notebook shows the result as a picture.

    ``image``: a PNG, JPEG or DICOM file, a PIL image, or an array [height, width] or [height, width, 3]; the three give
    the same pixels, 8-bit values as they are and all others stretched from their least and largest. Files and PIL
    images are turned as a viewer turns them, by their EXIF orientation. ``question`` is asked as it is. ``model``: a
    name, a class, or what :func:`load_model` gave, which spares loading it for every call; None for the embedded one.
    ``attributor``: likewise; None for the one that declares itself default.
    ``answer``: the text to explain; the model's own where None. ``options`` are for plugins given by name or
    class; one that is loaded already has its own. ``upsampling``: ``bilinear`` or ``nearest``, how values of image
    tokens and of cells become a map.

    Raises ``HarnessError`` where the image cannot be read, the model lacks what the attributor needs, and where
    either fails.
    """
    check_texts(question, answer)
    registry = registry if registry is not None else Registry.discover()
    if model is None:
        model = default_model(registry)
    if attributor is None:
        attributor = registry.default("attributor")
    asked: list[tuple[Kind, str]] = []
    if not isinstance(attributor, Attributor):
        asked.append(("attributor", label_of(registry, "attributor", attributor)))
    if not isinstance(model, Model):
        asked.append(("model", label_of(registry, "model", model)))
    chosen = {one.kind: one for one in choose(registry, assignments(options), asked)}
    method: Any = chosen["attributor"].cls if "attributor" in chosen else attributor
    network: Any = chosen["model"].cls if "model" in chosen else model
    check_capabilities(method, network, answer_given=answer is not None)
    pixels = pixels_of(image)
    method = chosen["attributor"].load() if "attributor" in chosen else attributor
    network = chosen["model"].load() if "model" in chosen else model
    return explain_answer(pixels, question, network, method, answer, seed, upsampling)


def load_model(
    model: str | type[Model] | None = None, *, options: Options = (), registry: Registry | None = None
) -> Model:
    """A model in memory, for :func:`explain` to use again and again; None for the embedded one.

    Raises ``HarnessError`` for an unknown name, a bad option, and where it cannot be loaded.
    """
    registry = registry if registry is not None else Registry.discover()
    label = default_model(registry).name if model is None else label_of(registry, "model", model)
    loaded: Model = choose(registry, assignments(options), [("model", label)])[0].load()
    return loaded


def load_attributor(
    attributor: str | type[Attributor], *, options: Options = (), registry: Registry | None = None
) -> Attributor:
    """An attribution method that is set up, for :func:`explain` to use again and again. Errors as in
    :func:`load_model`."""
    registry = registry if registry is not None else Registry.discover()
    label = label_of(registry, "attributor", attributor)
    loaded: Attributor = choose(registry, assignments(options), [("attributor", label)])[0].load()
    return loaded


def check_texts(question: str, answer: str | None) -> None:
    """Raise ``HarnessError`` for an empty question or answer."""
    for what, text in (("question", question), ("answer", answer)):
        if text is not None and not text.strip():
            raise HarnessError(f"The {what} is empty.")


def pixels_of(image: Any) -> np.ndarray:
    """An image as uint8 [height, width, 3], whatever it was given as."""
    from PIL import Image

    from harness.reading.image import from_array, from_picture, read_image

    if isinstance(image, str | Path):
        return read_image(image, upright=True)
    if isinstance(image, Image.Image):
        return from_picture(image, "The PIL image", upright=True)
    return from_array(np.asarray(image), "The array")
