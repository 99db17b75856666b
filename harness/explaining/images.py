"""Which images a person means by files and folders, and what to call each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from harness.errors import HarnessError

SUFFIXES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom")


def find_images(paths: Iterable[Path]) -> list[Path]:
    """The files, and of each folder the images in it by name, without its subfolders; each once.

    Raises ``HarnessError`` for what is not there, and for a folder without any.
    """
    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        inside = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES and file.is_file())
        if not inside:
            raise HarnessError(f"The folder {path} holds no image ({', '.join(SUFFIXES)}).")
        found += inside
    if not found:
        raise HarnessError("No image was given; name a file or a folder.")
    return list(dict.fromkeys(found))


def names_of(paths: Sequence[Path]) -> list[str]:
    """A name for each image, to call its files by: that of its file, and a number where two have the same."""
    names: list[str] = []
    for path in paths:
        name, count = path.stem, 1
        while name.lower() in {one.lower() for one in names}:
            count += 1
            name = f"{path.stem}-{count}"
        names.append(name)
    return names
