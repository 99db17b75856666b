"""A source whose annotations and images are files under the data root."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import ClassVar

import numpy as np

from harness.contracts.source import Sample, Source
from harness.errors import HarnessError

PHYSIONET = "PhysioNet (credentialed access)"
CREDENTIALED = "PhysioNet Credentialed Health Data License: for credentialed users, not to be passed on"


class FileSource(Source):
    """Base of the clinical sources. ``sample.image`` is a path relative to the data root, with forward slashes.

    The first of ``data`` is the annotation file.
    """

    editor: ClassVar[str | None] = "radedit"

    @property
    def root(self) -> Path:
        """The data root. Raises ``HarnessError`` where none was given or it is no folder."""
        if self.data_root is None:
            raise HarnessError(
                f"The source {self.name!r} needs the folder that holds the data sets; give it by --data-root."
            )
        if not self.data_root.is_dir():
            raise HarnessError(f"The data root {self.data_root} is no folder; give another by --data-root.")
        return self.data_root

    @property
    def annotations(self) -> Path:
        """The annotation file. Raises ``HarnessError`` with where to get it where it is missing."""
        file = self.data[0]
        path = self.root / file.path
        if not path.exists():
            raise HarnessError(
                f"The annotations of {self.name!r} are missing: {path} does not exist. Get them from "
                f"{file.origin}, {file.url}, and see `harness sources check --data-root {self.root}`."
            )
        return path

    def image_path(self, sample: Sample) -> Path:
        """The sample's file. Raises ``HarnessError`` for a path that leaves the data root."""
        parts = PurePosixPath(sample.image).parts
        if not parts or sample.image.startswith("/") or ".." in parts or set(sample.image) & set("\\:\0"):
            raise HarnessError(f"The image {sample.image!r} is not under the data root; it is not read.")
        return self.root.joinpath(*parts)

    def image(self, sample: Sample) -> np.ndarray:
        """The sample's image in native pixels, uint8 [height, width, 3]."""
        from harness.reading.image import read_image

        return read_image(self.image_path(sample))
