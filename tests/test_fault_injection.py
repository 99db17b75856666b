"""A run broken in every way that a machine can: a few of the trials of ``python -m scripts.faults``."""

from __future__ import annotations

from pathlib import Path

from scripts.faults import COUNTED, inject, table


def test_nothing_finished_is_lost(tmp_path: Path) -> None:
    found = inject(tmp_path, trials=3, seed=11)
    assert set(found) == {"killed", "terminated", "interrupted", "disk full", "torn", "flipped", "overwritten"}
    shown = table(found)
    assert all(count["trials"] == 3 for count in found.values()), shown
    assert not any(count[name] for count in found.values() for name in COUNTED[3:]), shown
    assert sum(count["finished rows"] for count in found.values()) > 80, shown
    # Else nothing was tried.
    assert sum(count["damaged rows"] for count in found.values()) > 0, shown
    assert sum(count["harmed runs"] for count in found.values()) > 9, shown
