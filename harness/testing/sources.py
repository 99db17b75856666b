"""Checks of a data source, on the data that its user has."""

from __future__ import annotations

from itertools import islice

import numpy as np

from harness.contracts.source import Sample, Source
from harness.run.shared_case import checked
from harness.testing.check import (
    Breach,
    CheckResult,
    Unfit,
    check_contract,
    demand,
    light_import,
    load_plugin,
    raised_by,
    run_checks,
    sentence,
)

SAMPLES, IMAGES = 500, 5


def check_source(source: Source) -> None:
    """Check a source against the contract, on the data that its user has.

    Parameters
    ----------
    source
        Its first ``SAMPLES`` samples are looked at, and the images of ``IMAGES`` of them, evenly spread.

    Raises
    ------
    ConformanceError
        An ``AssertionError`` with a line for each check that fails; missing data fail one too.
    """
    demand(source, run_source_checks(source))


def run_source_checks(source: Source) -> list[CheckResult]:
    """How each check of ``CHECKS`` went, in order; data that are missing are a fault too."""
    load_plugin(source)
    return run_checks(Listing(source), CHECKS)


class Listing:
    """The samples and images of a source, each read once, for all checks to look at."""

    def __init__(self, source: Source) -> None:
        self.plugin = self.source = source
        self.samples: list[Sample] = []
        self.images: list[tuple[Sample, np.ndarray]] = []

    def some(self) -> list[Sample]:
        """A few of the samples, evenly spread."""
        count = len(self.samples)
        return [self.samples[i * count // min(IMAGES, count)] for i in range(min(IMAGES, count))]


def contract(listing: Listing) -> None:
    """It has a name, a docstring and described options, and its benchmark, if any, is a folder."""
    check_contract(listing.source, Source, "source")
    bench = listing.source.bench
    if bench is not None and not bench.is_dir():
        raise Breach(f"Its bench {bench} is no folder.")


def yields_samples(listing: Listing) -> None:
    """It yields samples, with an attribute, an image's name and boxes each."""
    error = raised_by(lambda: listing.samples.extend(islice(listing.source.samples(), SAMPLES)))
    if error is not None:
        raise Unfit(sentence(error))
    if not listing.samples:
        raise Unfit("It yields no sample.")
    for place, sample in enumerate(listing.samples):
        if not isinstance(sample, Sample):
            raise Unfit(f"Sample {place} is {type(sample).__name__}, not harness.Sample.")
        for word in ("attribute", "image"):
            if not isinstance(getattr(sample, word), str) or not getattr(sample, word).strip():
                raise Breach(f"Sample {place} has the {word} {getattr(sample, word)!r}; it must be text.")
        if not isinstance(sample.boxes, tuple) or not sample.boxes:
            raise Breach(f"Sample {place} has the boxes {sample.boxes!r}; it must be a tuple of at least one.")


def counted_from_zero(listing: Listing) -> None:
    """Its indices are 0, 1, 2, ... in order: benchmark records refer to samples by them."""
    for place, sample in enumerate(listing.samples):
        if sample.index != place:
            raise Breach(f"Sample {place} has the index {sample.index!r}.")


def says_where_from(listing: Listing) -> None:
    """Its samples bear its name."""
    names = (listing.source.name, *listing.source.aliases)
    for sample in listing.samples:
        if sample.source not in names:
            raise Breach(f"A sample's source is {sample.source!r}; it must be {names[0]!r}.")


def listed_alike(listing: Listing) -> None:
    """Asked again it yields the same samples."""
    if list(islice(listing.source.samples(), SAMPLES)) != listing.samples:
        raise Breach("Going through samples() a second time gives other samples.")


def readable_images(listing: Listing) -> None:
    """Its images are uint8 [height, width, 3]."""
    for sample in listing.some():
        try:
            image = listing.source.image(sample)
        except Exception as error:
            raise Unfit(sentence(error)) from error
        if not isinstance(image, np.ndarray):
            raise Unfit(f"The image of sample {sample.index} is {type(image).__name__}, not an array.")
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            form = f"{image.dtype} {list(image.shape)}"
            raise Unfit(f"The image of sample {sample.index} is {form}, not uint8 [height, width, 3].")
        listing.images.append((sample, image.copy()))


def same_images(listing: Listing) -> None:
    """Asked again it gives the same image, whatever was done to the first."""
    for sample, image in listing.images[:1]:
        scribbled = listing.source.image(sample)
        if scribbled.flags.writeable:
            scribbled[:] = 255 - scribbled
        if not np.array_equal(listing.source.image(sample), image):
            raise Breach(f"The image of sample {sample.index} is another the next time; give a fresh copy of it.")


def sound_boxes(listing: Listing) -> None:
    """Its boxes are x0 < x1 and y0 < y1, with finite edges."""
    for sample in listing.samples:
        try:
            boxes = checked(sample.boxes)
        except (TypeError, ValueError) as error:
            raise Breach(f"Of sample {sample.index}, {str(error).rstrip('.')}.") from error
        for box in boxes:
            if not box.area > 0:
                raise Breach(f"The box {list(box)} of sample {sample.index} is empty; boxes are half-open.")


def boxes_inside(listing: Listing) -> None:
    """Its boxes lie within the image, in the image's own pixels."""
    for sample, image in listing.images:
        height, width = image.shape[:2]
        for x0, y0, x1, y1 in sample.boxes:
            if min(x0, x1, y0, y1) < 0 or max(x0, x1) > width or max(y0, y1) > height:
                edges = [x0, y0, x1, y1]
                raise Breach(f"A box of sample {sample.index}, {edges}, leaves its {width} x {height} image.")


CHECKS = (
    contract, light_import, yields_samples, counted_from_zero, says_where_from, listed_alike, readable_images,
    same_images, sound_boxes, boxes_inside,
)  # fmt: skip
