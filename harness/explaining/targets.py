"""Where explanations go: one picture, a page, or a folder of both."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from harness.errors import HarnessError
from harness.explaining.explanation import Explanation
from harness.explaining.page import Page
from harness.explaining.several import Failure

FOLDER, PAGE = Path("explanations"), "index.html"


class Target:
    """Where explanations go. ``alone``: one picture is all that was asked for."""

    def __init__(self, picture: Path | None = None, page: Path | None = None, folder: Path | None = None) -> None:
        self.alone = picture is not None
        self._picture, self._folder = picture, folder
        self._file = folder / PAGE if folder is not None else page
        self._page = Page()

    def keep(self, name: str, explanation: Explanation) -> Path | None:
        """Write the picture, if there is to be one, and remember the rest for the page; the picture's path."""
        if not self.alone:
            self._page.add(name, explanation)
        path = self._picture
        if self._folder is not None:
            path = self._folder / f"{name}-{explanation.attributor}.png"
        if path is not None:
            explanation.save(path)
        return path

    def fail(self, failure: Failure) -> None:
        """Remember what could not be explained, for the page."""
        self._page.fail(failure)

    def finish(self) -> list[str]:
        """Write the page, if there is to be one, and say where it is."""
        if self._file is None:
            return []
        self._page.save(self._file)
        return [f"All on a page: {self._file}"]


def target_of(output: Path | None, paths: Sequence[Path], alone: bool, method: str) -> Target:
    """Where the explanations of these images go. ``alone``: there is one image, and one method, of this label.

    Raises ``HarnessError`` where they could not be written, or would replace an image.
    """
    if output is not None and output.suffix.lower() == ".html":
        _check(output, paths, "page")
        return Target(page=output)
    if alone and (output is None or output.suffix):
        picture = output or Path(f"{paths[0].stem}-{method}.png")
        _check(picture, paths, "picture")
        if picture.suffix.lower() != ".png":
            raise HarnessError(
                f"The picture is a PNG; give --output a name that ends in .png, or in .html, not {picture.name!r}."
            )
        return Target(picture=picture)
    folder = output or FOLDER
    if folder.suffix.lower() == ".png":
        raise HarnessError(f"{folder} is one picture, and there are several; give --output a folder, or FILE.html.")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise HarnessError(f"The folder {folder} cannot be made: {error.strerror or error}.") from error
    inside = {path.parent.resolve() for path in paths}
    if folder.resolve() in inside:
        raise HarnessError(f"The pictures would lie among the images in {folder}; give another --output.")
    _check(folder / PAGE, paths, "page")
    return Target(folder=folder)


def _check(output: Path, images: Sequence[Path], what: str) -> None:
    """Raise ``HarnessError`` where a file could not be written, or would replace an image."""
    folder = output.parent
    why = f"The {what} cannot be written to {output}: "
    if not folder.is_dir():
        raise HarnessError(f"{why}the folder {folder} does not exist.")
    if output.is_dir():
        raise HarnessError(f"{why}it is a folder.")
    if not os.access(output if output.exists() else folder, os.W_OK):
        raise HarnessError(f"{why}permission denied.")
    for image in images:
        if output.exists() and image.exists() and output.samefile(image):
            raise HarnessError(f"The {what} would replace the image {image}; give another --output.")
