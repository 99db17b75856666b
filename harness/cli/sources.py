"""``harness sources check``: which of the data that users bring is there, and where to get the rest."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.cli.source_boxes import print_boxes
from harness.errors import HarnessError
from harness.flags import prepare
from harness.text import plain, say

if TYPE_CHECKING:
    from rich.console import Console

    from harness.contracts.source import DataPath, Sample, Source
    from harness.testing.source_places import Place


def add_parser(subparsers: Any) -> None:
    """Add ``sources check``."""
    parser = subparsers.add_parser(
        "sources",
        help="check the data sets that you bring",
        description="Check the data sets that you bring.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda args: _help(parser))
    check = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser(
        "check",
        help="what is there, what is missing, and where to get it",
        description="Say which data sets are complete under a folder, what is missing and where to get it, how large "
        "their boxes are, where they lie, and how far a guess gets that knows just that. "
        "The exit status is 0 where all that was asked for is complete, 1 otherwise.",
        allow_abbrev=False,
    )
    check.add_argument("--data-root", type=Path, required=True, metavar="DIR", help="folder that holds the data sets")
    check.add_argument(
        "--source", action="append", default=[], metavar="NAME",
        help="source to check; repeatable (default: all of which something is there, or else all that need data)",
    )  # fmt: skip
    check.add_argument("--images", action="store_true", help="read every image too, which takes long")
    check.set_defaults(run=run)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return 2


@dataclass
class Inventory:
    """What was found of one source. ``missing`` and ``unreadable`` are images; the latter with why.

    ``places``: the boxes of the samples whose image's size is known; ``unplaced`` counts the others.
    """

    source: Source
    samples: int = 0
    images: int = 0
    absent: list[DataPath] = field(default_factory=list)
    missing: list[Path] = field(default_factory=list)
    unreadable: dict[Path, str] = field(default_factory=dict)
    error: str | None = None
    places: list[Place] = field(default_factory=list)
    unplaced: int = 0

    @property
    def complete(self) -> bool:
        """Whether all that the source needs is there and can be read, as far as was looked."""
        return not (self.absent or self.missing or self.unreadable or self.source.left_out or self.error)


def run(args: argparse.Namespace) -> int:
    """Check, report, and return 0 where everything asked for is complete, 1 otherwise."""
    prepare(None)
    from rich.console import Console

    from harness.registry import Registry

    if not args.data_root.is_dir():
        raise HarnessError(f"The data root {args.data_root} is no folder; give another by --data-root.")
    registry = Registry.discover()
    classes = [registry.find("source", name) for name in args.source]
    every = [cls for cls in registry.all("source") if cls.data]
    classes = classes or [cls for cls in every if _begun(cls, every, args.data_root)] or every
    found = []
    with Console(stderr=True).status("") as status:
        for cls in dict.fromkeys(classes):
            status.update(f"Reading {cls.name} …")
            found.append(take(cls, args.data_root, args.images))
    console = Console()
    print_report(found, args.data_root, args.images, console)
    print_boxes(found, console)
    others = [cls.name for cls in every if cls not in classes]
    if others and not args.source:
        text = f"Nothing is there of {', '.join(others)}; `--source NAME` says where to get it."
        say(Console(stderr=True), text, wrap=True)
    return 0 if all(inventory.complete for inventory in found) else 1


def _begun(cls: type[Source], every: list[type[Source]], root: Path) -> bool:
    """Whether some file or folder is there that the source shares with no other."""
    shared = Counter(file.path for other in every for file in other.data)
    return any(shared[file.path] == 1 and (root / file.path).exists() for file in cls.data)


def take(cls: type[Source], root: Path, images: bool) -> Inventory:
    """Go through one source. ``images``: read each of its images as well.

    Whatever the source does wrong ends in ``error``.
    """
    from harness.errors import one_line

    source = cls(data_root=root)
    inventory = Inventory(source)
    try:
        inventory.absent = [file for file in cls.data if not (root / file.path).exists()]
        paths: dict[Path, Sample] = {}
        samples: list[tuple[Sample, Path | None]] = []
        for sample in source.samples():
            inventory.samples += 1
            path = source.image_path(sample)
            if path is not None:
                paths.setdefault(path, sample)
            samples.append((sample, path))
        inventory.images = len(paths) + len(source.unreadable)
        inventory.missing = [path for path in paths if not path.exists()]
        inventory.unreadable.update(source.unreadable)
        for path in paths if images else ():
            if path.exists():
                try:
                    source.image(paths[path])
                except HarnessError as error:
                    inventory.unreadable[path] = str(error)
        _place(inventory, samples)
    except HarnessError as error:
        inventory.error = str(error)
    except Exception as error:
        inventory.error = one_line(error)
    return inventory


def _place(inventory: Inventory, samples: list[tuple[Sample, Path | None]]) -> None:
    """Find where the samples' boxes lie in their images."""
    from harness.reading.image import stated_size
    from harness.testing.source_places import place

    sizes: dict[Path, tuple[int, int]] = {}
    for known in {path for _, path in samples if path is not None}:
        with suppress(HarnessError):
            sizes[known] = stated_size(known)
    for sample, path in samples:
        size = sizes.get(path) if path is not None else None
        found = place(sample.image, sample.attribute, sample.boxes, size) if size and min(size) > 0 else None
        if found is None:
            inventory.unplaced += 1
        else:
            inventory.places.append(found)


def print_report(found: list[Inventory], root: Path, images: bool, console: Console) -> None:
    """Print a table of the sources, then what each of them lacks."""
    from rich.padding import Padding
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("source", style="bold cyan", overflow="fold")
    for name in ("samples", "images", "missing", "unreadable"):
        table.add_column(name, justify="right")
    table.add_column("")
    for item in found:
        known = item.error is None
        looked = known and (images or item.unreadable)
        table.add_row(
            Text(item.source.name),
            *(f"{count:,}" if known else "–" for count in (item.samples, item.images, len(item.missing))),
            f"{len(item.unreadable):,}" if looked else "–",
            Text("complete", "green") if item.complete else Text("incomplete", "red"),
        )
    console.print(table)
    for item in found:
        for place, line in enumerate(_lines(item, root)):
            if place == 0:
                console.print()
                console.print(Text(item.source.name, style="bold cyan"))
            # Paths and addresses stay whole, to be copied.
            whole = line.startswith(" ")
            text = Text(plain(line, lines=True))
            shown = text if whole else Padding(text, (0, 0, 0, 2))
            console.print(shown, highlight=False, soft_wrap=whole)


def _lines(item: Inventory, root: Path) -> Iterator[str]:
    """What to tell about one source: sentences, and indented paths and addresses."""
    for file in item.absent:
        yield f"{file.holds} missing; get them from {file.origin}:"
        yield f"    {file.path}"
        yield f"    {file.url}"
    # That a file is missing has been said.
    if item.error is not None and not any(file.path in item.error for file in item.absent):
        yield item.error
    for path in item.missing[:1]:
        relative = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        yield f"{len(item.missing):,} of {item.images:,} images missing, the first:"
        yield f"    {relative}"
        for file in item.source.data:
            if file not in item.absent and relative.startswith(f"{file.path}/"):
                yield f"get them from {file.origin}:"
                yield f"    {file.url}"
    others = [why for path, why in item.unreadable.items() if path not in item.source.unreadable]
    if others:
        yield f"{len(others):,} of {item.images:,} images unreadable, the first: {others[0]}"
    yield from item.source.notes()
