"""What methods save by running together: one evaluation of all against an evaluation of each alone.

Run from the repository's root: ``python -m benchmarks.sharing [--limit N]``. Evaluates the embedded benchmark with one
of the embedded models, side by side in one process. Printed are the seconds that the methods took (loading the model
and drawing the images left out, as both happen once a run anyway), the images really passed through the model, and the
ratios of together to the sum of alone.
"""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console

from harness.evaluating import loop
from harness.registry import Registry
from harness.run.settings import RunSettings
from plugins.models.lvlm import TransformersModel

MODEL = "phantom-qwen2.5-vl"
TRACED = ["attention-head", "attention-rollout", "lrp", "grad-weighted-attention", "gradcam", "gradcam++"]
GROUPS = {
    "white-box methods that read a trace": TRACED,
    "... and integrated gradients, which has its own passes": [*TRACED, "integrated-gradients"],
    "occlusion, RISE and MedFocus, which score altered images": ["occlusion", "rise", "medfocus"],
}


class Passes:
    """Counts the images that go through a model."""

    def __init__(self) -> None:
        self.images = 0
        inner = TransformersModel._logprobs

        def counted(model: TransformersModel, inputs: dict[str, Any], answer: Sequence[int]) -> Any:
            self.images += len(inputs["input_ids"])
            return inner(model, inputs, answer)

        TransformersModel._logprobs = counted  # type: ignore[method-assign, assignment]


def run(names: Sequence[str], limit: int, passes: Passes) -> tuple[float, int]:
    """(seconds, images passed) of one evaluation; no result may have failed."""
    before = passes.images
    with TemporaryDirectory() as folder:
        output = Path(folder) / "run"
        settings = RunSettings(attributors=list(names), models=[MODEL], limit=limit, output=output)
        ended = loop.run(Registry.discover(), settings, Console(file=io.StringIO()))
        assert not ended.failed and ended.finished == ended.total
        lines = (output / "timings.jsonl").read_text().splitlines()
    spent = (json.loads(line) for line in lines)
    return sum(line["seconds"] for line in spent if line["stage"] == "attribute"), passes.images - before


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--limit", type=int, default=40, help="records")
    args = parser.parse_args()
    passes = Passes()
    every = list(dict.fromkeys(name for names in GROUPS.values() for name in names))
    run(every, 2, passes)  # what is set up at the first use is not a method's
    alone = {name: run([name], args.limit, passes) for name in every}
    for name, (seconds, images) in alone.items():
        print(f"{name:26}{seconds / args.limit:8.3f} s{images / args.limit:8.1f} images a record")
    for title, names in GROUPS.items():
        seconds, images = run(names, args.limit, passes)
        sums = [sum(alone[name][k] for name in names) for k in range(2)]
        print(
            f"\n{title}\n  together {seconds / args.limit:.3f} s, {images / args.limit:.1f} images a record; "
            f"the sum of each alone {sums[0] / args.limit:.3f} s, {sums[1] / args.limit:.1f} images; "
            f"ratios {seconds / sums[0]:.2f} and {images / sums[1]:.2f}"
        )


if __name__ == "__main__":
    main()
