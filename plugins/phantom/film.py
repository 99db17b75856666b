"""Films by the name of their image, kept for a while: a source and an editor ask for the same one in turn."""

from __future__ import annotations

from functools import lru_cache

from harness.errors import HarnessError
from plugins.phantom.patient import sample_patient
from plugins.phantom.render import Film


def patient_seed(image: str) -> int:
    """The patient's seed from an image's name, ``phantom:SEED``."""
    kind, _, seed = image.partition(":")
    if kind != "phantom" or not seed.isdecimal():
        raise HarnessError(f"{image!r} is no phantom's image; its name would be phantom:SEED.")
    return int(seed)


@lru_cache(maxsize=4)
def film(seed: int) -> Film:
    """The film of a patient."""
    return Film(sample_patient(seed))
