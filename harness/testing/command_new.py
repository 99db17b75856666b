"""``harness plugins new``: the beginning of a plugin, as a distribution of its own."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

# Those of harness.registry.KINDS that have a template; importing neither, so that `harness --help` stays fast.
KINDS = ("attributor", "editor", "metric", "model", "observer", "source")


def add_parser(subparsers: Any) -> None:
    """Add ``new``."""
    parser = subparsers.add_parser(
        "new",
        help="begin a plugin of your own",
        description="Write a complete distribution with one plugin: it can be installed, tested and run at once.",
        allow_abbrev=False,
    )
    parser.add_argument("kind", choices=KINDS, metavar="KIND", help=" | ".join(KINDS))
    parser.add_argument("name", metavar="NAME", help="what users will call it, as in my-method")
    parser.add_argument(
        "--to", type=Path, metavar="DIR", help="the folder to write, which must not exist (default: harness-NAME)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> None:
    """Write the distribution and say what to do next."""
    from rich.console import Console

    from harness.registry import Registry
    from harness.testing.scaffold import write_plugin

    folder = args.to if args.to is not None else Path(f"harness-{args.name}")
    written = write_plugin(Registry.discover(), args.kind, args.name, folder)
    console = Console(highlight=False, soft_wrap=True)
    for path in written:
        console.print(f"  {path}", markup=False)
    use = {
        "attributor": f"harness eval --attributor {args.name} --limit 20",
        "metric": f"harness eval --attributor occlusion --metric {args.name} --limit 20",
        "observer": f"harness eval --attributor occlusion --observer {args.name} --limit 20",
    }.get(args.kind, f"harness plugins show {args.name}")
    console.print(
        f"\nIt works already; make it yours in {written[0]}. Then:\n\n"
        f"  pip install -e {folder}\n  pytest {folder}\n  harness plugins check {args.name}\n  {use}",
        markup=False,
    )
