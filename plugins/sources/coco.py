"""Any images with annotations in COCO's format: categories are findings, segmentations are true masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from harness.contracts.plugin import NoOptions
from harness.contracts.source import DataPath, Sample, Source
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from plugins.clinical.annotations import RowFault
from plugins.clinical.coco import Coco, CocoAnnotation, CocoImage
from plugins.sources.files import FileSource, Group

IMAGES = "coco/images"
FORMAT = "https://cocodataset.org/#format-data"


class CocoFolder(FileSource):
    """Any images with COCO annotations: one sample an image and category, no plugin to write.

    Under the data root, ``coco/annotations.json`` (images, annotations, categories) and ``coco/images/``, in which
    ``file_name`` says which file an image is, in a subfolder too. The category's name is the attribute that is asked
    about, so call it as a question would: "Is there evidence of NAME in the image?". ``bbox`` gives the boxes, native
    pixels, those of crowds (``iscrowd``) too; ``segmentation``, polygons or run lengths, gives the true mask of a
    sample all of whose annotations have one. Pixels are where the file stores them: an image whose width and height are
    not those that its entry says, as after a turn by EXIF, is refused by name.

    The order is by image id, then by category id, so that numbers stay when the file is written in another order. A new
    image with an id above all others leaves them alone too.
    """

    name: ClassVar[str] = "coco"
    editor: ClassVar[str | None] = "inpaint"
    licence: ClassVar[str] = "that of your own images and annotations: not stated here"
    data: ClassVar[tuple[DataPath, ...]] = (
        DataPath("coco/annotations.json", "annotations (COCO JSON)", "whoever annotated your images", FORMAT),
        DataPath(IMAGES, "images (PNG, JPEG, DICOM)", "whoever took them", FORMAT),
    )

    def __init__(self, options: NoOptions | None = None, data_root: Path | None = None) -> None:
        super().__init__(options, data_root)
        self._found: dict[int, tuple[CocoImage, list[CocoAnnotation]]] = {}

    def samples(self) -> Iterator[Sample]:
        """All samples. Raises ``HarnessError`` where the file as a whole cannot be read."""
        self.begin()
        self._found.clear()
        coco = Coco(self.annotations)
        for error in coco.faults:
            self.leave_out(error)
        groups: dict[tuple[int, int], Group[CocoImage]] = {}
        members: dict[tuple[int, int], list[CocoAnnotation]] = {}
        for one in coco.annotations():
            if isinstance(one, RowFault):
                self.leave_out(one)
                continue
            key = one.image, one.category
            group = groups.setdefault(key, Group(coco.categories[one.category]))
            members.setdefault(key, []).append(one)
            try:
                group.boxes.append(one.box())
            except RowFault as error:
                group.faults.append(error)
        for index, key in enumerate(sorted(groups)):
            group, image = groups[key], coco.images[key[0]]
            if isinstance(image, RowFault):
                group.faults.append(image)
                yield self.sample(index, "", group)
            else:
                self._found[index] = image, members[key]
                yield self.sample(index, f"{IMAGES}/{image.file}", group)

    def image(self, sample: Sample) -> np.ndarray:
        """The sample's image as stored. Raises ``HarnessError`` where it has not the size that its entry says."""
        pixels = super().image(sample)
        found = self._found.get(sample.index)
        if found and found[0].size and found[0].size != (pixels.shape[1], pixels.shape[0]):
            width, height = found[0].size
            raise HarnessError(
                f"The image {self.image_path(sample)} is {pixels.shape[1]} x {pixels.shape[0]} pixels as stored, and "
                f"the fields 'width' and 'height' of its annotations say {width} x {height}, so that boxes would lie "
                "elsewhere; save the image as it was annotated (upright, without an EXIF orientation)."
            )
        return pixels

    def mask(self, sample: Sample) -> np.ndarray | None:
        """The pixels of all segmentations together, bool [height, width]; None where one of them lacks."""
        if not self._found:
            for _ in self.samples():
                pass
        image, members = self._found.get(sample.index, (None, []))
        if image is None or image.size is None:
            return None
        masks = [one.mask(image.size) for one in members]
        held = [mask for mask in masks if mask is not None]
        return np.any(held, axis=0) if held and len(held) == len(masks) else None


@hookimpl
def sources() -> Sequence[type[Source]]:
    """The sources of this plugin."""
    return [CocoFolder]
