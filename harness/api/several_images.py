"""``harness.explain_all``: several images or several methods in one call, with one load of the model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.api.given import Given, Item, Options, assignments, label_of, labels
from harness.api.one_image import check_texts, pixels_of
from harness.errors import HarnessError
from harness.explaining.default_model import default_model
from harness.explaining.explanation import Explanation
from harness.explaining.images import find_images, names_of
from harness.explaining.methods import choose_methods
from harness.explaining.page import Page
from harness.explaining.several import Failure, explain_each, read_each
from harness.imaging.upsample import Upsampling
from harness.registry import Registry

if TYPE_CHECKING:
    from PIL.Image import Image

    Picture = str | Path | np.ndarray | Image


@dataclass(frozen=True)
class Explanations:
    """Explanations of several answers, in the order of images and methods.

    Attributes
    ----------
    named
        Each with the name of its image.
    failures
        What could not be explained, and why.
    left_out
        Of ``attributors="all"``, the methods that were not used and why, in sentences.
    """

    named: Sequence[tuple[str, Explanation]]
    failures: Sequence[Failure] = ()
    left_out: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.named)

    def __iter__(self) -> Iterator[Explanation]:
        return (explanation for _, explanation in self.named)

    def __getitem__(self, place: int) -> Explanation:
        return self.named[place][1]

    def save_page(self, path: str | Path) -> None:
        """Write one HTML page of all, which needs no other file. Raises ``HarnessError`` where it cannot be written."""
        page = Page()
        for name, explanation in self.named:
            page.add(name, explanation)
        for failure in self.failures:
            page.fail(failure)
        page.save(Path(path))


def explain_all(
    images: str | Path | Sequence[Picture],
    question: str,
    model: Item | None = None,
    attributors: Given = (),
    *,
    answer: str | None = None,
    options: Options = (),
    seed: int = 0,
    upsampling: Upsampling = "bilinear",
    registry: Registry | None = None,
) -> Explanations:
    """Explain the answers about several images by one or several methods, side by side.

    Parameters
    ----------
    images
        A folder, or a list of files, folders, PIL images and arrays as :func:`harness.explain` takes them.
    question
        Asked as it is about every image.
    model
        A name, a class, or what :func:`load_model` gave; None for the embedded one. It is loaded once.
    attributors
        Names, classes or plugins in memory; none for the one that declares itself default, ``"all"`` for every
        installed one that works with the model, except controls.
    answer
        The text to explain; None for the model's own, which it is asked for once an image.
    options, seed, upsampling, registry
        As in :func:`harness.explain`.

    Returns
    -------
    Explanations
        What could be explained, and by name what could not.

    Raises
    ------
    HarnessError
        Where nothing can begin: an unknown name, a method that is named and does not work with the model, no image.
    """
    check_texts(question, answer)
    registry = registry if registry is not None else Registry.discover()
    every = isinstance(attributors, str) and attributors == "all"
    model = label_of(registry, "model", default_model(registry) if model is None else model)
    methods = [] if every else labels(registry, "attributor", attributors)
    about = registry, assignments(options), model, methods, every, answer is not None
    network, taken, left_out = choose_methods(*about)
    pictures = list(_named(images))
    explained: list[tuple[str, Explanation]] = []
    failures: list[Failure] = []
    for name, found in explain_each(pictures, question, network.load(), taken, answer, seed, upsampling):
        if isinstance(found, Explanation):
            explained.append((name, found))
        else:
            failures.append(found)
    return Explanations(explained, failures, left_out)


def _named(images: Any) -> Iterator[tuple[str, np.ndarray | HarnessError]]:
    """Each image's name and pixels, or why it has none; files of the same name and those without any by number."""
    given = [images] if isinstance(images, str | Path) else list(images)
    items: list[Any] = []
    for item in given:
        items += find_images([Path(item)]) if isinstance(item, str | Path) else [item]
    if not items:
        raise HarnessError("No image was given; name a file or a folder.")
    paths = [item if isinstance(item, Path) else Path(f"image-{number}") for number, item in enumerate(items, 1)]
    return read_each(items, names_of(paths), pixels_of)
