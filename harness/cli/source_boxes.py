"""``harness sources check``: how large the boxes of a source are, where they lie, and what knowing that is worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.text import plain

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness.cli.sources import Inventory
    from harness.testing.source_places import Place

SHOWN = 8  # attributes, the most frequent
WIDTH = 26  # characters of one, in a line
LEGEND = (
    "area: of the image, what a sample's boxes cover; median (first to last decile). middle: of all boxes of a sample, "
    "in shares of the image; mean ±SD. prior IoU: what the best constant box of the finding reaches, fitted on one "
    "half of its images, by name, and tried on the other, both ways; a finding on a single image gets the box that is "
    "best for all others. It sees no image: a method that does not beat it there has read nothing."
)


def print_boxes(found: list[Inventory], console: Console) -> None:
    """Print a table of each source's samples by attribute, and once what the columns mean."""
    from rich.padding import Padding
    from rich.text import Text

    told = [item for item in found if item.places]
    for item in told:
        table, others = _table(item.places)
        console.print()
        title = f"{item.source.name}: boxes about each {item.source.annotates}"
        console.print(Text(plain(title), style="bold cyan"))
        console.print(Padding(table, (0, 0, 0, 2)))
        if others:
            console.print(f"  {others:,} rarer findings are in the first line only.", style="dim", highlight=False)
        if item.unplaced:
            text = f"  {item.unplaced:,} samples are not in it: they have no boxes, or no readable image."
            console.print(text, style="dim", highlight=False)
    if told:
        console.print()
        console.print(LEGEND, style="dim", highlight=False)


def _table(places: list[Place]) -> tuple[Table, int]:
    """The table, and how many attributes it leaves out."""
    from rich.table import Table
    from rich.text import Text

    from harness.testing.source_places import spreads

    found = spreads(places)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("finding", overflow="fold", max_width=WIDTH)
    for name in ("samples", "area %", "middle x %", "middle y %", "prior IoU"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, spread in list(found.items())[: SHOWN + 1]:
        low, middle, high = (f"{100 * share:.1f}" for share in spread.area)
        table.add_row(
            Text(plain(name, 120) if name else "all", "bold" if not name else ""),
            f"{spread.samples:,}",
            f"{middle} ({low}-{high})",
            *(f"{100 * mean:.0f} ±{100 * deviation:.0f}" for mean, deviation in (spread.x, spread.y)),
            f"{100 * spread.prior:.1f}",
        )
    return table, max(0, len(found) - 1 - SHOWN)
