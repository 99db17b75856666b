"""``--keep-maps``: each result's map, boxes, concept and token scores in a small file of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from harness.contracts.explained import Explained
from harness.contracts.observer import Observer
from harness.hookspecs import hookimpl


class KeptMaps(Observer):
    """Keeps what every method said, for `harness rescore` and for programs of yours: `--keep-maps`.

    One compressed file a result, some 10 to 60 kB where there is a map. Maps can show the image that they are about:
    do not pass those of credentialed data sets on.
    """

    name: ClassVar[str] = "kept-maps"
    folder: ClassVar[str] = "maps"

    @classmethod
    def asked(cls, settings: Any) -> Mapping[str, Any] | None:
        return {} if settings.keep_maps else None

    def observe(self, explained: Explained) -> Mapping[str, bytes]:
        from harness.run.kept_maps import encode, name_of
        from harness.run.row import ResultKey

        if explained.attribution is None:
            return {}
        return {name_of(ResultKey(*explained.record, explained.attributor)): encode(explained.attribution)}


@hookimpl
def observers() -> Sequence[type[Observer]]:
    """The observers of this plugin."""
    return [KeptMaps]
