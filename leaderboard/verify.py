"""Does a run's folder hold what it claims? Each answer that is no, in one sentence.

What can be computed here is, from the installed plugins and the benchmark; nothing that the folder says is believed
where it can. What cannot is listed.
"""

from __future__ import annotations

from pathlib import Path

from harness.errors import HarnessError
from harness.registry import Registry
from harness.run.provenance import SCORING
from leaderboard.read.joined import Run, read_runs
from leaderboard.verifying.applicable import check_applicable
from leaderboard.verifying.found import Verification, about
from leaderboard.verifying.plugins import PluginCheck, check_lists
from leaderboard.verifying.records import check_records, expected_of
from leaderboard.verifying.remeasure import Remeasure
from leaderboard.verifying.replay import replay as explain_anew
from leaderboard.verifying.rows import check_once, faults
from leaderboard.verifying.truths import check_truths, set_up_sources

TIMINGS = "Seconds and memory, and the versions and the device that the header names, are what the folder says."


def verify(
    folder: Path,
    registry: Registry,
    bench: Path | None = None,
    data_root: Path | None = None,
    replay: int = 0,
    seed: int = 0,
) -> Verification:
    """Check a run's folder against itself, the installed plugins, the benchmark's records and the sources' annotations.

    Metrics are measured again by the plugins installed here: from the rows, and from kept maps where a metric needs
    them.

    Parameters
    ----------
    folder
        The run's folder; it may be that of all its shards.
    registry
        The plugins.
    bench
        The folder of the benchmark's records; None for the benchmark that ships.
    data_root
        Where sources find their data. The true boxes of a source that is not installed, or whose data are not there,
        are taken as they are, which is said.
    replay
        How many of the records to explain anew, as a check of what nothing else shows: what the methods said.
    seed
        Chooses them.

    Returns
    -------
    Verification
        What is wrong, and what was not checked. A folder that cannot be read is wrong, and raises nothing.
    """
    found = Verification()
    try:
        runs = read_runs([folder])
    except HarnessError as error:
        found.add("journal", str(error))
        return found
    if len(runs) > 1:
        found.add("journal", f"{folder} holds {len(runs)} runs; keep one, or the shards of one, in a folder.")
        return found
    if replay:
        explain_anew(found, runs[0], registry, bench, data_root, replay, seed)
    _check(found, runs[0], registry, bench, data_root)
    return found


def _check(found: Verification, run: Run, registry: Registry, bench: Path | None, data_root: Path | None) -> None:
    header, rows = run.header, run.rows
    for note in run.notes:
        found.add("shards", note)
    found.results = len(rows)
    found.records = len({row.record for row in rows})
    if header.scoring != SCORING:
        found.add(
            "scoring",
            f"The results are of scoring revision {header.scoring}, and this harness scores by {SCORING}: verify them "
            f"with harness {header.harness}.",
        )
    check_lists(header, found)
    installed = PluginCheck(run, registry, found).check()
    check_once(found, rows)
    again = Remeasure(run, registry, installed)
    for number, row in enumerate(rows, 2):
        for kind, fault in [*faults(row, header), *again.faults(row)]:
            found.add(kind, f"{about(number, row)}: {fault}.")
    whole = found.replayed == found.records
    for sentence in again.unchecked(set(run.rescored) if whole else set(header.metrics)):
        found.leave(sentence)
    check_applicable(found, rows, installed, whole)
    expected = expected_of(found, header, registry, bench)
    check_records(found, header, rows, expected)
    sources = set_up_sources(found, header, installed, data_root)
    check_truths(found, header, rows, registry, sources, expected)
    found.told.append(TIMINGS)
    if not whole:
        found.leave(
            f"What the methods said of {found.records - found.replayed} of {found.records} records was not computed "
            "again: what they marked, their passes, and that they failed, are what the folder says; `--replay N` "
            "explains N records anew."
        )
