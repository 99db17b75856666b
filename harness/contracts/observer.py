"""The contract of an observer: it sees every explanation while it exists, and says which files to keep of it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, ClassVar

from harness.contracts.case import RecordKey
from harness.contracts.explained import Explained
from harness.contracts.plugin import Plugin


class Observer(Plugin):
    """An observer. It takes part in a run that names it by ``--observer NAME``, or whose settings ask for it.

    ``folder``: where its files go, a name below the run's folder. Results do not depend on observers: the journal is
    the same with and without.
    """

    folder: ClassVar[str]

    @classmethod
    def asked(cls, settings: Any) -> Mapping[str, Any] | None:
        """The options by which a run's settings (:class:`harness.run.settings.RunSettings`) ask for it; None where
        they do not."""
        return None

    def begin(self, records: Sequence[RecordKey]) -> None:
        """All records of the run, in order, before the first is explained."""
        return

    @abstractmethod
    def observe(self, explained: Explained) -> Mapping[str, bytes]:
        """The files to keep of one result, by their names; none for nothing.

        ``explained.attribution`` is None where the method failed. One that raises is reported once and harms no result.
        """


def file_id(*key: str | int) -> str:
    """16 hexadecimal digits that name the files about a record, or about a result, by its key: no text of a plugin
    or a data set becomes a path."""
    return blake2b("\n".join(map(str, key)).encode(errors="backslashreplace"), digest_size=8).hexdigest()
