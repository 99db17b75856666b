"""Films by the name of their image, kept for a while: a source and an editor ask for the same one in turn."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from harness.errors import HarnessError
from plugins.phantom.marks import MARKS
from plugins.phantom.population import person
from plugins.phantom.radiograph import Radiograph
from plugins.phantom.truth import Truth

PLAIN, PLANTED = "phantom", "planted"


@lru_cache(maxsize=4)
def film(image: str) -> Radiograph:
    """The film of an image's name.

    ``phantom:SEED`` is a patient's film; ``planted:SEED:KIND`` the same patient's with a lesion of that kind and the
    mark that stands in for it, and no lesion whose place another mark takes.
    """
    match image.split(":"):
        case [kind, seed] if kind == PLAIN and seed.isdecimal():
            return Radiograph(person(int(seed)))
        case [kind, seed, lesion] if kind == PLANTED and seed.isdecimal() and lesion in MARKS:
            patient = person(int(seed))
            kinds = [name for name in patient.kinds if name not in MARKS]
            return Radiograph(replace(patient, kinds=(*kinds, lesion)), (lesion,))
    raise HarnessError(f"{image!r} is no phantom's image; its name would be phantom:SEED or planted:SEED:KIND.")


@lru_cache(maxsize=4)
def truth(image: str) -> Truth:
    """The truths of the film of this name."""
    return Truth(film(image))
