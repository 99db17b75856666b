"""``harness weights convert``: the weights in a pickle as safetensors, which can run no code whatever reads them.

Imports nothing heavy before it runs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any
from uuid import uuid4

from harness.errors import HarnessError, one_line
from harness.text import say


def add_parser(subparsers: Any) -> None:
    """Add ``weights convert``."""
    parser = subparsers.add_parser(
        "weights",
        help="turn pickled weights into safetensors",
        description="Turn pickled weights into safetensors.",
        allow_abbrev=False,
    )
    parser.set_defaults(run=lambda args: _help(parser))
    convert = parser.add_subparsers(title="commands", metavar="COMMAND").add_parser(
        "convert",
        help="write the tensors of a .pth, .pt or .bin file as safetensors, under the same names",
        description="Write the tensors of a pickled checkpoint (.pth, .pt, .bin) as safetensors, under the same names. "
        "A pickle can hold code; it is read without running any. Convert once, and give the result to MedFocus, "
        "RadEdit and whatever else takes the weights.",
        allow_abbrev=False,
    )
    convert.add_argument("file", type=Path, metavar="FILE", help="the pickled checkpoint")
    convert.add_argument(
        "--output", type=Path, metavar="FILE.safetensors", help="where to (default: beside it, under the same name)"
    )
    convert.set_defaults(run=run)


def _help(parser: argparse.ArgumentParser) -> int:
    parser.print_help(sys.stderr)
    return 2


def run(args: argparse.Namespace) -> None:
    """Convert, and say what was written. What can be refused early is refused before the file is read."""
    from rich.console import Console

    output = args.output or args.file.with_suffix(".safetensors")
    if args.file.suffix.lower() == ".safetensors":
        raise HarnessError(f"{args.file} is safetensors already.")
    if output.suffix.lower() != ".safetensors":
        raise HarnessError(f"The weights are written as safetensors; give --output another name than {output}.")
    if output.exists():
        raise HarnessError(f"{output} is there already; give another --output, or move it away.")
    if not output.parent.is_dir():
        raise HarnessError(f"The folder {output.parent} does not exist; give another --output.")
    count = convert(args.file, output)
    say(Console(), f"Written to {output}: {count} tensor{'' if count == 1 else 's'}.")


def convert(path: Path, output: Path) -> int:
    """Write the tensors of a pickled state dict as safetensors; how many. The file appears whole or not at all.

    Raises ``HarnessError`` where it is no state dict, holds what safetensors cannot, or cannot be written.
    """
    import torch
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    from plugins.weights.state_dict import read_weights

    weights = read_weights(path)
    draft = output.with_name(f".{output.name}.{uuid4().hex}.part")
    try:
        # Copies, as safetensors has neither shared tensors (tied weights) nor views.
        copies = {name: one.detach().clone(memory_format=torch.contiguous_format) for name, one in weights.items()}
        save_file(copies, draft, metadata={"format": "pt"})
        draft.replace(output)
    except OSError as error:
        raise HarnessError(f"{output} cannot be written: {error.strerror or error}.") from error
    except (RuntimeError, ValueError, KeyError, SafetensorError) as error:
        raise HarnessError(f"{path} holds tensors that safetensors cannot: {one_line(error).rstrip('.')}.") from error
    finally:
        draft.unlink(missing_ok=True)
    return len(weights)
