"""What a run says of its samples, against what the installed sources say."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from harness.contracts.source import Sample, Source, read_sample
from harness.errors import one_line
from harness.registry import Registry
from harness.run.header import Header
from harness.run.row import Row, image_id, true_edges
from harness.run.select import digest
from harness.text import writable
from leaderboard.verifying.found import Verification, about
from leaderboard.verifying.plugins import Installed
from leaderboard.verifying.records import Expected, home_of

Numbered = list[tuple[int, Row]]


def check_truths(
    found: Verification,
    header: Header,
    rows: list[Row],
    registry: Registry,
    sources: dict[str, Source],
    expected: Expected | None,
) -> None:
    """Compare attribute, truth, image and size of every row with what the sources say, and their digest with the
    header's. ``sources``: those that could be set up."""
    needed: dict[str, set[int]] = {}
    for row in rows:
        needed.setdefault(row.source, set()).add(row.index)
    for dataset, indices in (expected.datasets if expected else {}).items():
        needed.setdefault(home_of(registry, dataset), set()).update(indices)
    known: dict[str, dict[int, Sample]] = {}
    for name in sorted(needed):
        mine = [(number, row) for number, row in enumerate(rows, 2) if row.source == name]
        try:
            known[name] = _samples(sources[name], needed[name])
        except KeyError:
            found.leave(f"The true boxes of {name!r} were taken as they are (it is not set up here).")
        except Exception as error:  # a source is a plugin, and its data may be anywhere
            found.leave(f"The true boxes of {name!r} were taken as they are ({one_line(error).rstrip('.')}).")
        else:
            _compare(found, mine, sources[name], known[name])
            _sizes(found, mine, sources[name], known[name])
    _check_digest(found, header, registry, known, expected)


def set_up_sources(found: Verification, header: Header, installed: Installed, data_root: Any) -> dict[str, Source]:
    """The sources that a header describes, as they are installed."""
    sources: dict[str, Source] = {}
    for label in header.plugins.get("source", {}):
        one = installed.get(("source", label))
        if one is not None:
            try:
                sources[label] = one.make(data_root)
            except Exception as error:
                found.leave(f"The source {label!r} cannot be set up here ({one_line(error).rstrip('.')}).")
    return sources


def _samples(source: Source, indices: Collection[int]) -> dict[int, Sample]:
    found: dict[int, Sample] = {}
    for sample in source.samples():
        if sample.index in indices:
            found[sample.index] = sample
        if len(found) == len(indices):
            break
    return found


def _compare(found: Verification, rows: Numbered, source: Source, samples: dict[int, Sample]) -> None:
    for number, row in rows:
        sample = samples.get(row.index)
        if sample is None:
            found.add("sample", f"{about(number, row)}: {row.source!r} has no such sample.")
            continue
        pairs: tuple[tuple[str, Any, Any], ...] = (
            ("true boxes", row.truth, true_edges(sample.boxes)),
            ("further true boxes", row.truths, {k: true_edges(b) for k, b in source.truths(sample).items()}),
            ("true concepts", row.true_concepts, list(sample.concepts)),
            ("attribute", row.attribute, writable(sample.attribute)),
            ("image", row.image, image_id(sample)),
        )
        for what, claimed, right in pairs:
            if claimed != right:
                found.add(what, f"{about(number, row)}: its {what} and the source's are not the same.")


def _sizes(found: Verification, rows: Numbered, source: Source, samples: dict[int, Sample]) -> None:
    """Compare the sizes: metrics clip the true boxes to them."""
    sizes: dict[int, list[int] | Exception] = {}
    unread: dict[int, str] = {}
    for number, row in rows:
        if row.index not in samples or (row.size is None and row.status != "ok"):
            continue
        if row.index not in sizes:
            try:
                sizes[row.index] = [*read_sample(source, samples[row.index]).shape[1::-1]]
            except Exception as error:
                sizes[row.index] = error
        right = sizes[row.index]
        if isinstance(right, Exception):
            unread.setdefault(row.index, one_line(right))
        elif row.size != right:
            said = "none" if row.size is None else "{} x {}".format(*row.size)
            truly = "{} x {}".format(*right)
            found.add("size", f"{about(number, row)}: its size is {said}, and the source's image is {truly}.")
    if unread:
        why = next(iter(unread.values())).rstrip(".")
        which = "1 image" if len(unread) == 1 else f"{len(unread)} images"
        found.leave(f"The sizes of {which} of {source.name!r} were taken as they are ({why}).")


def _check_digest(
    found: Verification,
    header: Header,
    registry: Registry,
    known: dict[str, dict[int, Sample]],
    expected: Expected | None,
) -> None:
    """Compare the digest of what the sources say about the samples."""
    samples: dict[tuple[str, int], Sample] = {}
    for dataset, indices in (expected.datasets if expected else {}).items():
        mine = known.get(home_of(registry, dataset), {})
        samples |= {(dataset, index): mine[index] for index in indices if index in mine}
    wanted = sum(map(len, expected.datasets.values())) if expected else -1
    if len(samples) != wanted:
        found.leave("The digest of the samples was not computed again: not all of them are known here.")
    elif (right := digest(samples)) != header.samples:
        found.add(
            "samples",
            f"The header's digest of the samples is {header.samples[:12]}, and what the sources say has {right[:12]}.",
        )
