"""With what results were computed that they should not depend on, and may yet: libraries, the device, batch sizes.

Such things differ between the machines of honest runs, and change figures by rounding, if at all. So they refuse no
board. It says them, and names them where two runs contradict each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from harness.run.header import Header
from leaderboard.read.comparable import shared_plugins

_LIBRARIES = {
    "numpy": "numpy", "scipy": "scipy", "pillow": "Pillow", "scikit_image": "scikit-image", "torch": "torch",
    "transformers": "transformers",
}  # fmt: skip


def computed_with(headers: Iterable[Header]) -> list[str]:
    """What was not the same in all runs, as in ``torch 2.9 and 2.14``: releases but for patches, and devices."""
    headers = list(headers)
    found = []
    for name, title in _LIBRARIES.items():
        releases = {minor(one) for header in headers for one in _several(getattr(header, name))}
        found += [f"{title} {_joined(sorted(releases, key=_in_order))}"] if len(releases) > 1 else []
    devices = sorted({device for header in headers for device in _several(header.device)})
    return [*found, f"device {_joined(devices)}"] if len(devices) > 1 else found


def apart(one: Header, other: Header) -> list[str]:
    """What may be why two runs contradict each other: what they were computed with, and how their plugins were set
    where that should not count."""
    found = computed_with([one, other])
    for at, mine, theirs in shared_plugins(one, other):
        for option in sorted({*mine.neutral, *theirs.neutral}):
            if (here := mine.options.get(option)) != (there := theirs.options.get(option)):
                found.append(f"{at}.{option} {here} and {there}")
    return found


def minor(version: str) -> str:
    """A release without its patch."""
    return ".".join(version.split(".")[:2])


def _several(said: str | None) -> list[str]:
    """The versions that a header names: several where the machines of its shards differed."""
    return [] if said is None else said.split(", ")


def _in_order(version: str) -> tuple[list[int], str]:
    return [int(number) for number in re.findall(r"\d+", version)], version


def _joined(values: Sequence[str]) -> str:
    return f"{', '.join(values[:-1])} and {values[-1]}"
