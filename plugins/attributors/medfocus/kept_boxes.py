"""What a concept transfer depends on: the key under which its boxes are kept on disk (:mod:`harness.run.cache`)."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from harness.imaging.frame import Box
from harness.run.cache import digest_of
from harness.run.provenance import environment
from harness.run.weights import identities

_CODE = (*sorted(Path(__file__).parent.glob("*.py")), Path(__file__).parent.parent / "medsam.py")


def recipe(method: str, options: dict[str, Any], files: Sequence[Path]) -> dict[str, Any]:
    """What is the same for all images, as JSON: method, options, the files' contents, the code, and what it runs on.

    The last, since other machines and libraries round differently, and results must not depend on whose boxes were
    there already.
    """
    return {
        "what": f"{method} boxes",
        "options": options,
        "files": list(identities(files).values()),
        "code": _code(),
        "on": {**environment(), "machine": platform.machine()},
    }


def frame_key(about: dict[str, Any], image: np.ndarray, content: Box) -> str:
    """The key of one frame image, uint8 [side, side, 3], by its bytes and the part of it that is image."""
    pixels = sha256(image.tobytes()).hexdigest()
    return digest_of({**about, "image": pixels, "shape": image.shape, "content": [float(edge) for edge in content]})


@cache
def _code() -> str:
    """SHA-256 of the code, so that a change of it, released or not, leaves no stale boxes."""
    return digest_of([[path.name, sha256(path.read_bytes()).hexdigest()] for path in _CODE])
