"""How time and memory grow with image tokens, hidden concepts and samples, and a drawing of it.

Run from the repository's root: ``python -m benchmarks.growth``; it writes ``docs/growth.svg``. A Qwen2.5-VL of the real
class with random weights (12 layers of 8 heads) reads square frames of 64 to 1,024 image tokens, for a plain score, for
all captures and with ``output_attentions=True``; the embedded Qwen2.5-VL scores batches of 1 to 64 hidden concepts; and
medfocus-consensus, its concept boxes kept from the run before, is evaluated over 15 to 240 records. Memory is the peak
above that of the loaded model, each in a process of its own (Linux only); seconds are the least of three.
"""

from __future__ import annotations

import argparse
import io
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.captures import ANSWER, QUESTION, eager_pass, memory
from benchmarks.uot import best
from harness import Registry, evaluate
from harness.contracts.model import PLAIN

SIDES = (224, 448, 672, 896)
CONCEPTS = (1, 4, 16, 64)
RECORDS = (15, 60, 240)
WAYS = ("score", "all captures", "output_attentions=True")
PICTURE = Path("docs/growth.svg")


def build(folder: Path) -> None:
    """The checkpoint of the first part."""
    from scripts.checkpoints import qwen2_5_vl

    qwen2_5_vl(
        folder, [QUESTION, ANSWER] * 3, vocab_size=400, vision_hidden=32, vision_layers=2, vision_heads=2,
        vision_intermediate=48, full_attention_layers=(), text_hidden=128, text_layers=12, text_heads=8,
        text_kv_heads=2, text_intermediate=256, initializer_range=0.05,
    )  # fmt: skip


def measure(folder: Path, way: str, side: int) -> dict[str, float]:
    """Seconds, and peak memory in bytes, of one pass over a frame of side x side pixels."""
    from plugins.models.qwen2_5_vl import PhantomQwen2_5VL

    model = PhantomQwen2_5VL(PhantomQwen2_5VL.Options(path=str(folder), device="cpu"))
    model.load()
    frame = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    run = {
        "score": lambda: model.score([frame], QUESTION, ANSWER),
        "all captures": lambda: model.trace(frame, QUESTION, ANSWER, PLAIN),
        "output_attentions=True": lambda: eager_pass(model, frame),
    }[way]
    model.score([frame[:112, :112]], QUESTION, ANSWER)
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    run()
    peak = memory("VmHWM") - before
    return {"tokens": len(model.image_grid(frame)), "peak": peak, "seconds": best(run)[0]}


def tokens() -> dict[str, list[dict[str, float]]]:
    """Each way's figures by the number of image tokens."""
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with TemporaryDirectory() as folder:
        build(Path(folder))
        for way in WAYS:
            for side in SIDES:
                command = [sys.executable, "-m", "benchmarks.growth", "--child", folder, way, str(side)]
                said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
                found[way].append(json.loads(said.splitlines()[-1]))
                print(way, {name: f"{value:.3g}" for name, value in found[way][-1].items()}, flush=True)
    return found


def concepts() -> list[tuple[int, float]]:
    """Seconds of one score by the number of images in it."""
    model = Registry.discover().find("model", "phantom-qwen2.5-vl")()
    model.load()
    rng = np.random.default_rng(0)
    found = []
    for count in CONCEPTS:
        frames = list(rng.integers(0, 256, (count, 224, 224, 3), dtype=np.uint8))
        found.append((count, best(lambda: model.score(frames, QUESTION, ANSWER))[0]))  # noqa: B023
        print(f"{count} concepts {found[-1][1]:.3f} s", flush=True)
    return found


def samples() -> list[tuple[int, float]]:
    """Seconds of a whole evaluation by the number of records, of which the loading of the models is one part."""
    from rich.console import Console

    found = []
    for count in RECORDS:
        with TemporaryDirectory() as folder:
            start = time.perf_counter()
            output, console = Path(folder) / "run", Console(file=io.StringIO())
            evaluate(attributors=["medfocus-consensus"], limit=count, output=output, console=console)
            found.append((count, time.perf_counter() - start))
            print(f"{count} records {found[-1][1]:.1f} s", flush=True)
    return found


def draw(by_tokens: dict[str, list[dict[str, float]]], by_concepts: list[tuple[int, float]],
         by_records: list[tuple[int, float]]) -> None:  # fmt: skip
    """The four curves, as an SVG without a date in it."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.hashsalt": "growth", "font.size": 9})
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(1, 4, figsize=(12, 2.8), layout="constrained")
    for way, rows in by_tokens.items():
        x = [row["tokens"] for row in rows]
        panels[0].plot(x, [row["seconds"] for row in rows], marker="o", label=way)
        panels[1].plot(x, [row["peak"] / 1e6 for row in rows], marker="o", label=way)
    panels[2].plot(*zip(*by_concepts, strict=True), marker="o")
    panels[3].plot(*zip(*by_records, strict=True), marker="o")
    titles = (("image tokens", "seconds a pass"), ("image tokens", "peak MB a pass"),
              ("hidden concepts in a batch", "seconds"), ("records", "seconds of harness eval"))  # fmt: skip
    for panel, (across, up) in zip(panels, titles, strict=True):
        panel.set(xlabel=across, ylabel=up, ylim=(0, None), xlim=(0, None))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, fontsize=8)
    figure.savefig(PICTURE, metadata={"Date": None})


def main() -> None:
    """Measure, print and draw."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--child", nargs=3, metavar=("FOLDER", "WAY", "SIDE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(Path(args.child[0]), args.child[1], int(args.child[2]))))
        return
    draw(tokens(), concepts(), samples())


if __name__ == "__main__":
    main()
