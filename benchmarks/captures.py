"""Memory and time of a pass with captures against ``output_attentions=True``, at 1,024 image tokens and 24 layers.

Run from the repository's root: ``python -m benchmarks.captures``. A Qwen2.5-VL of the real class with random weights
reads a frame of 896 x 896 pixels. Each way runs in a process of its own, all in one go; printed are the peak of memory
above that of the loaded model, its ratio to ``output_attentions=True``, the seconds, and how far the answer's
log-probabilities are from those of the model as it is. Linux only: the peak is read from /proc.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from harness.contracts.model import PLAIN, Capture
from plugins.models.lvlm import TransformersModel

SIDE = 896
QUESTION, ANSWER = "Is there evidence of left pleural effusion?", "The left costophrenic angle is blunted. Yes."
LAYERED, EVERY_LAYER = ("attention", "weighted_attention", "hidden"), range(1, 25)
WAYS: dict[str, list[Capture] | None] = {
    "output_attentions=True": None,
    "no capture": [],
    "attention": ["attention"],
    "rollout": ["rollout"],
    "last layer's captures": sorted(PLAIN),
    "attention, 24 layers": [f"attention@{layer}" for layer in EVERY_LAYER],
    "hidden@embedding": ["hidden@embedding"],
    "hidden, 24 layers": [f"hidden@{layer}" for layer in EVERY_LAYER],
    "weighted, 24 layers": [f"weighted_attention@{layer}" for layer in EVERY_LAYER],
    "attention_relevance": ["attention_relevance"],
    "hidden_relevance": ["hidden_relevance"],
    "layers 1, 12 and last": [
        "rollout",
        *(f"{kind}@{layer}" for kind in LAYERED for layer in (1, 12, 24)),
    ],
    "all of these": [
        *sorted(PLAIN),
        "attention_relevance",
        "hidden_relevance",
        *(f"{kind}@{layer}" for kind in LAYERED for layer in EVERY_LAYER),
    ],
}


def build(folder: Path) -> None:
    """The checkpoint: 24 layers of 16 heads, about the depth and heads of the models of 3B and 4B weights."""
    from scripts.checkpoints import qwen2_5_vl

    qwen2_5_vl(
        folder, [QUESTION, ANSWER] * 3, vocab_size=400, vision_hidden=32, vision_layers=2, vision_heads=2,
        vision_intermediate=48, full_attention_layers=(), text_hidden=256, text_layers=24, text_heads=16,
        text_kv_heads=2, text_intermediate=512, initializer_range=0.05,
    )  # fmt: skip


def measure(folder: Path, way: str) -> dict[str, Any]:
    """Peak of memory in bytes above the loaded model's, seconds, and the answer's log-probabilities."""
    from plugins.models.qwen2_5_vl import PhantomQwen2_5VL

    model = PhantomQwen2_5VL(PhantomQwen2_5VL.Options(path=str(folder), device="cpu"))
    model.load()
    frame = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    captures = WAYS[way]

    def run() -> np.ndarray:
        if captures is None:
            return eager_pass(model, frame)
        if not captures:
            return model.score([frame], QUESTION, ANSWER)[0]
        return model.trace(frame, QUESTION, ANSWER, frozenset(captures)).logprobs

    model.score([frame[:112, :112]], QUESTION, ANSWER)  # what is set up at the first pass is not the pass's
    assert len(model.image_grid(frame)) == 1024
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    start = time.perf_counter()
    logprobs = run()
    seconds = time.perf_counter() - start
    return {"peak": memory("VmHWM") - before, "seconds": seconds, "logprobs": logprobs.tolist()}


def eager_pass(model: TransformersModel, frame: np.ndarray) -> np.ndarray:
    """The answer's log-probabilities by a pass that returns every layer's attention; the model stays eager."""
    import torch

    model.model.set_attn_implementation({"text_config": "eager"})
    ids = model._answer_ids(ANSWER)
    inputs = model._inputs([frame], model._prompt(frame, QUESTION), ids)
    with torch.no_grad():
        seen = model.model(**inputs, use_cache=False, logits_to_keep=len(ids), output_attentions=True)
    assert len(seen.attentions) == model.model.config.text_config.num_hidden_layers
    rows = seen.logits[0].log_softmax(-1).gather(-1, torch.tensor(ids)[:, None])
    return np.asarray(rows[:, 0].double())


def memory(field: str) -> int:
    """One figure of this process in bytes: VmRSS is what it holds, VmHWM the peak since it was last cleared."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--child", nargs=2, metavar=("FOLDER", "WAY"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(measure(Path(args.child[0]), args.child[1])))
        return
    found = {}
    with TemporaryDirectory() as folder:
        build(Path(folder))
        for way in WAYS:
            command = [sys.executable, "-m", "benchmarks.captures", "--child", folder, way]
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            found[way] = json.loads(said.splitlines()[-1])
    eager, plain = found["output_attentions=True"], np.array(found["no capture"]["logprobs"])
    print(f"{'way':24}{'peak MB':>9}{'ratio':>8}{'seconds':>9}{'ratio':>8}   largest difference of the answer")
    for way, figures in found.items():
        ratios = [figures[name] / eager[name] for name in ("peak", "seconds")]
        off = np.abs(np.array(figures["logprobs"]) - plain).max()
        print(
            f"{way:24}{figures['peak'] / 1e6:9.0f}{ratios[0]:8.3f}{figures['seconds']:9.1f}{ratios[1]:8.2f}   {off:.1e}"
        )


if __name__ == "__main__":
    main()
