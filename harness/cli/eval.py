"""``harness eval``: rate attribution methods on a benchmark."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError
from harness.flags import add_cache_argument, add_run_arguments, prepare, whole

if TYPE_CHECKING:
    from harness.contracts.source import Mode

EMBEDDED_LIMIT = 240
INTERRUPTED = 130  # exit status
EXECUTORS = ("local", "ray")  # harness.run.executor.NAMES, without importing what that imports
MODE_CHOICES: tuple[Mode, ...] = (
    "direct",
    "reasoning",
)  # harness.contracts.source.MODES, without importing what that imports


def add_parser(subparsers: Any) -> None:
    """Add ``eval``."""
    parser = subparsers.add_parser(
        "eval",
        help="rate attribution methods on a benchmark",
        description="Rate attribution methods by how well they find the evidence that models really used. "
        "Finished rows are kept in the output folder: the same command again goes on where it stopped.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--attributor", action="append", default=[], metavar="NAME",
        help="method to rate; repeatable, at least one",
    )  # fmt: skip
    parser.add_argument(
        "--model", action="append", default=[], metavar="NAME",
        help="model to explain; repeatable (default: every model that the benchmark has records of)",
    )  # fmt: skip
    parser.add_argument(
        "--mode", action="append", default=[], choices=MODE_CHOICES,
        help="how the question is answered; repeatable (default: both)",
    )  # fmt: skip
    parser.add_argument(
        "--bench", type=Path, metavar="DIR",
        help="folder with direct.json and reasoning.json in MedGround-Bench's format "
        "(default: the embedded phantom benchmark, which needs no data)",
    )  # fmt: skip
    parser.add_argument(
        "--data-root", type=Path, metavar="DIR", help="folder that holds the sources' data sets"
    )
    parser.add_argument(
        "--limit", type=whole(0), metavar="N",
        help="at most N records, evenly spread; 0 for all "
        f"(default: all of --bench, {EMBEDDED_LIMIT} of the embedded benchmark)",
    )  # fmt: skip
    parser.add_argument(
        "--output", type=Path, default=Path("harness-results"), metavar="DIR",
        help="where the journal and the reports go (default: harness-results)",
    )  # fmt: skip
    parser.add_argument(
        "--gallery", type=whole(0), default=0, metavar="N",
        help="keep pictures of N records, evenly spread, for the leaderboard's HTML page (default: 0)",
    )  # fmt: skip
    parser.add_argument(
        "--faithfulness", type=whole(0), default=0, metavar="STEPS",
        help="also measure how the answer falls and rises as pixels go and come by importance (deletion and "
        "insertion areas), in so many steps: 10 is usual, and costs 20 passes a result (default: 0, not)",
    )  # fmt: skip
    parser.add_argument(
        "--shard", metavar="K/N",
        help="explain the K-th of N parts of the records alone, in a folder of its own in --output; parts can run at "
        "the same time, and `harness leaderboard` of --output joins them",
    )  # fmt: skip
    parser.add_argument(
        "--executor", choices=EXECUTORS, default="local",
        help="who does the work: this process, or workers of Ray, here or on the cluster that RAY_ADDRESS names "
        "(pip install 'medground-harness[ray]'); the journal is the same",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=whole(1), metavar="N", help="workers of --executor ray (default: one a GPU, else one)"
    )
    parser.add_argument("--fresh", action="store_true", help="start anew, not where the last run stopped")
    add_run_arguments(parser)
    add_cache_argument(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Evaluate, let plugins report, and return 0, 1 where a row failed, or 130 where it was interrupted."""
    try:
        status = _evaluate(args)
    except KeyboardInterrupt:  # before the first sample, or while plugins report
        status = INTERRUPTED
    if status == INTERRUPTED:
        same = "same command without --fresh" if args.fresh else "same command"
        print(f"Interrupted. The {same} goes on where it stopped.", flush=True)
    return status


def _evaluate(args: argparse.Namespace) -> int:
    prepare(args.threads, args.cache)
    from rich.console import Console

    from harness.registry import Registry
    from harness.run import loop
    from harness.run.executor import make_executor
    from harness.run.shards import Shard

    console, registry = Console(), Registry.discover()
    if not args.attributor:
        names = ", ".join(cls.name for cls in registry.all("attributor")) or "none"
        raise HarnessError(f"Say which method to rate by --attributor NAME; installed: {names}.")
    result = loop.evaluate(
        registry,
        attributors=list(dict.fromkeys(args.attributor)),
        models=list(dict.fromkeys(args.model)) or None,
        modes=list(dict.fromkeys(args.mode)) or list(MODE_CHOICES),
        bench=args.bench,
        data_root=args.data_root,
        options=args.option,
        limit=record_limit(args.limit, args.bench),
        seed=args.seed,
        output=args.output,
        fresh=args.fresh,
        console=console,
        gallery=args.gallery,
        faithful=args.faithfulness,
        shard=Shard.parse(args.shard) if args.shard is not None else None,
        executor=make_executor(args.executor, args.workers),
    )
    if result.finished:
        registry.run_finished(result.folder, console)
    if result.interrupted:
        return INTERRUPTED
    if result.failed:
        rows = "1 row" if result.failed == 1 else f"{result.failed} rows"
        text = f"{rows} failed and count as zero; the reasons are in {result.folder / 'journal.jsonl'}"
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
        return 1
    return 0


def record_limit(limit: int | None, bench: Path | None) -> int | None:
    """How many records to take; None for all. Asked for nothing: all of a user's, some of the embedded."""
    if limit is None:
        return EMBEDDED_LIMIT if bench is None else None
    return limit or None
