"""Edits kept on disk by content: the same edit of the same image is made once, for all models and runs.

The files are as :mod:`harness.run.cache` says. The PNG is lossless and carries a digest of its key and pixels: a
file that is torn, altered or under a wrong name is made anew.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from harness.building.causal import Edit, edited
from harness.contracts.editor import Editor
from harness.contracts.source import Sample
from harness.errors import RunError
from harness.files import write_whole
from harness.run.cache import digest_of, path_of
from harness.run.memory import free_memory
from harness.run.owned import read_own
from harness.run.shared_case import seed_everything

_DIGEST = "digest"  # the PNG's text chunk


class EditCache:
    """One editor's edits, from the disk where they are there.

    Parameters
    ----------
    load
        Gives the editor, ready for use; called when the first edit is missing.
    identity
        The editor's name, version and options as JSON, part of every key.
    folder
        Where the edits lie.
    seed
        What the editor draws by, part of every key.

    Attributes
    ----------
    mended
        How many files were broken and made anew.
    """

    def __init__(self, load: Callable[[], Editor], identity: dict[str, Any], folder: Path, seed: int = 0) -> None:
        self.folder, self.seed, self.mended = folder, seed, 0
        self._load, self._identity = load, identity
        self._editor: Editor | None = None

    def get(self, image: np.ndarray, edit: Edit, sample: Sample) -> tuple[np.ndarray, str]:
        """The edited image, uint8 [height, width, 3] like ``image``, and its file, below the folder.

        Raises
        ------
        RunError
            Where the editor does not load, or the folder cannot be written.
        Exception
            Whatever the editor raises.
        """
        key = self.key(image, edit, sample)
        path = path_of(self.folder, key, "png")
        found = _read(self.folder, path, key)
        if found is None or found.shape != image.shape:
            self.mended += path.exists()
            if self._editor is None:
                self._editor = self._load()
            seed_everything(self.seed)  # for an editor that draws from the global generators
            found = edited(self._editor, image.copy(), edit, sample, self.seed)
            _write(path, key, found)
        return found, path.relative_to(self.folder).as_posix()

    def key(self, image: np.ndarray, edit: Edit, sample: Sample) -> str:
        """SHA-256 of what an edit depends on, hexadecimal.

        The image's name is part of it for editors that know more about a source than its pixels; the sample's
        attribute is not, so that two findings with the same boxes share their "No abnormality".
        """
        what = {
            "editor": self._identity,
            "shape": image.shape,
            "image": sha256(np.ascontiguousarray(image).tobytes()).hexdigest(),
            "of": [sample.source, sample.image],
            "boxes": [[float(edge) for edge in box] for box in edit.boxes],
            "prompt": edit.prompt,
            "region": edit.region,
            "seed": self.seed,
        }
        return digest_of(what)

    def close(self) -> None:
        """Give the editor's memory back; the next missing edit loads it again."""
        if self._editor is not None:
            self._editor = None
            free_memory()


def png(image: np.ndarray, **texts: str) -> bytes:
    """An image, uint8 [height, width, 3], as a lossless PNG; one channel where all three are the same."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text)
    grey = (image == image[..., :1]).all()
    buffer = BytesIO()
    Image.fromarray(image[..., 0] if grey else image).save(buffer, "PNG", compress_level=1, pnginfo=info)
    return buffer.getvalue()


def _digest(key: str, image: np.ndarray) -> str:
    return sha256(key.encode() + np.ascontiguousarray(image).tobytes()).hexdigest()


def _read(folder: Path, path: Path, key: str) -> np.ndarray | None:
    """A cached image, or None where it is missing, not the user's own or not what was written."""
    from PIL import Image

    try:
        with Image.open(BytesIO(read_own(folder, path) or b""), formats=("PNG",)) as picture:
            image = np.asarray(picture.convert("RGB"))
            said = picture.info.get(_DIGEST)
    except Exception:  # Pillow raises many kinds for broken files
        return None
    return image if said == _digest(key, image) else None


def _write(path: Path, key: str, image: np.ndarray) -> None:
    try:
        write_whole(path, png(image, **{_DIGEST: _digest(key, image)}), private=True)
    except OSError as error:
        raise RunError(f"The edits cannot be written to {path.parent}: {error.strerror or error}.") from error
