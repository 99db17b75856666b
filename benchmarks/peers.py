"""Our occlusion, integrated gradients, KernelSHAP and Grad-CAM against Captum's and the package grad-cam's.

Run from the repository's root: ``python -m benchmarks.peers [--repeats N]``. Each embedded model explains one phantom,
the answer "Yes", with the same batch size and number of passes on either side. A peer is given what serves it best: it
alters the model's own normalised pixels, made once, and its forward function asks for the answer's logits alone, as
ours does. Seconds, on the clock and of the processor, are medians of repeats taken in turns, ours and theirs, in one
process, and so is the ratio of the two that ran next to each other. Memory is the peak above that of the loaded model,
in a process of its own for each (Linux only: it is read from /proc). Beside them stands how like the maps are: their
correlation over the frame's pixels, and the largest difference over the largest value. KernelSHAP's two sides draw
coalitions of their own, so that the yardstick is our own map with another seed.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from captum.attr import IntegratedGradients as TheirIntegratedGradients
from captum.attr import KernelShap
from captum.attr import Occlusion as TheirOcclusion
from pytorch_grad_cam import GradCAM as TheirGradCAM

from benchmarks.captures import memory
from harness import Box, Case, Registry
from harness.contracts.attributor import Attributor
from harness.contracts.mode import question
from harness.imaging.read import letterbox
from plugins.attributors.gradcam import GradCAM
from plugins.attributors.integrated_gradients import IntegratedGradients
from plugins.attributors.kernelshap import KernelSHAP
from plugins.attributors.occlusion import Occlusion
from plugins.attributors.superpixels import superpixels
from plugins.models.captures import decoder_layers
from plugins.models.lvlm import TransformersModel
from plugins.phantom import splits
from plugins.phantom.population import person
from plugins.phantom.radiograph import Radiograph

MODELS = ("phantom-qwen2.5-vl", "phantom-gemma3")
ASKED, ANSWER = question("pleural effusion", "direct"), "Yes"
BATCH, STEPS, CELLS, COALITIONS, REGIONS = 16, 24, 8, 256, 32
OURS: dict[str, Attributor] = {
    "occlusion": Occlusion(Occlusion.Options(grid=CELLS)),
    "integrated-gradients": IntegratedGradients(IntegratedGradients.Options(steps=STEPS)),
    "kernelshap": KernelSHAP(KernelSHAP.Options(regions=REGIONS, passes=COALITIONS)),
    "gradcam": GradCAM(),
}


class Bench:
    """One loaded model, one phantom, and either side of each method on them."""

    def __init__(self, name: str) -> None:
        cls = Registry.discover().find("model", name)
        model: TransformersModel = cls(cls.Options(device="cpu", batch_size=BATCH))  # type: ignore[assignment]
        model.load()
        self.model = model
        self.frame, place = letterbox(Radiograph(person(splits.TEST[0])).image())
        self.content: Box = place.content
        self.prompt, self.ids = model._prompt(self.frame, ASKED), model._answer_ids(ANSWER)
        inputs = model._inputs([self.frame], self.prompt, self.ids)
        self.rest = {key: value for key, value in inputs.items() if key != "pixel_values"}
        self.seen = self.image_of(inputs["pixel_values"])
        black = model._inputs([np.zeros_like(self.frame)], self.prompt, self.ids)["pixel_values"]
        self.black = self.image_of(black)

    def case(self, method: Attributor, seed: int = 0) -> Case:
        """A fresh case: nothing of an earlier explanation is kept."""
        case = Case(self.model, self.frame, ASKED, ANSWER, self.content, seed, method.captures)
        if isinstance(method, Occlusion):
            case.upsampling = "nearest"  # Captum leaves cells as they are; the package grad-cam enlarges as we do
        return case

    def ours(self, name: str, seed: int = 0) -> np.ndarray:
        """Our map."""
        found = OURS[name].attribute(self.case(OURS[name], seed)).saliency
        assert found is not None
        return found

    def theirs(self, name: str) -> np.ndarray:
        """The peer's map, made positive as ours is."""
        peers: dict[str, Callable[[], torch.Tensor]] = {
            "occlusion": self.captum_occlusion,
            "integrated-gradients": self.captum_integrated_gradients,
            "kernelshap": self.captum_kernelshap,
            "gradcam": self.package_gradcam,
        }
        return peers[name]().detach().double().numpy()

    def captum_occlusion(self) -> torch.Tensor:
        """64 cells, and the image as it is."""
        side = self.seen.shape[-1] // CELLS
        window = (3, side, side)
        found = TheirOcclusion(self.probability).attribute(
            self.seen, window, strides=window, baselines=self.black, perturbations_per_eval=BATCH
        )
        return found[0, 0].clamp(min=0)

    def captum_integrated_gradients(self) -> torch.Tensor:
        """24 points and their gradients, and either end for the completeness error."""
        found, _ = TheirIntegratedGradients(self.score).attribute(
            self.seen, self.black, n_steps=STEPS, method="riemann_middle", internal_batch_size=BATCH,
            return_convergence_delta=True,
        )  # fmt: skip
        return found[0].abs().sum(0)

    def captum_kernelshap(self) -> torch.Tensor:
        """256 coalitions, the whole image and the hidden one. Captum sees 0 as a region like any other."""
        regions = torch.from_numpy(superpixels(self.case(OURS["kernelshap"]), REGIONS))
        torch.manual_seed(0)
        found = KernelShap(self.score).attribute(
            self.seen, self.black, feature_mask=(regions - regions.min())[None, None], n_samples=COALITIONS + 2,
            perturbations_per_eval=BATCH,
        )  # fmt: skip
        return found[0, 0].clamp(min=0)

    def package_gradcam(self) -> torch.Tensor:
        """The activations are what the last layer reads: the output of the one before it."""
        columns = (self.rest["input_ids"][0] == self.model.image_token).nonzero()[:, 0]
        rows, width = self.model.grid(*self.frame.shape[:2])

        def tokens(hidden: torch.Tensor) -> torch.Tensor:
            return hidden[:, columns].transpose(1, 2).reshape(len(hidden), -1, rows, width)

        wrapped = torch.nn.Module()
        # The weights ask for no gradient, so that the graph begins at the pixels.
        wrapped.forward = lambda images: self.score(images.clone().requires_grad_())  # type: ignore[method-assign, assignment]
        wrapped.model = self.model.model
        layers = [decoder_layers(self.model.model)[-2]]
        with TheirGradCAM(wrapped, layers, reshape_transform=tokens) as cam:
            return torch.from_numpy(cam(self.seen, [lambda score: score])[0])

    def score(self, images: torch.Tensor) -> torch.Tensor:
        """The answer's log-probability, [B], of normalised images [B, 3, height, width]."""
        return self._logprobs(images).sum(1)

    def probability(self, images: torch.Tensor) -> torch.Tensor:
        """The mean probability of the answer's tokens, [B]."""
        return self._logprobs(images).exp().mean(1)

    def _logprobs(self, images: torch.Tensor) -> torch.Tensor:
        rest = {name: value.repeat(len(images), *[1] * (value.ndim - 1)) for name, value in self.rest.items()}
        return self.model._logprobs(rest | {"pixel_values": self.pixels_of(images)}, self.ids)

    def image_of(self, pixels: torch.Tensor) -> torch.Tensor:
        """The model's pixels of one image as [1, 3, height, width]; Qwen's patches have it twice in time."""
        image = self.model.unpatched(pixels, self.rest)
        return image if image.shape == pixels.shape else image / 2

    def pixels_of(self, images: torch.Tensor) -> torch.Tensor:
        """The other way."""
        if "image_grid_thw" not in self.rest:
            return images
        processor = self.model.processor.image_processor
        merge, patch = processor.merge_size, processor.patch_size
        _, rows, columns = self.rest["image_grid_thw"][0].tolist()
        cells = images.reshape(-1, 3, rows // merge, merge, patch, columns // merge, merge, patch)
        cells = cells.permute(0, 2, 5, 3, 6, 1, 4, 7)[:, :, :, :, :, :, None].expand(*[-1] * 6, 2, -1, -1)
        return cells.reshape(-1, 3 * 2 * patch * patch)


def peak(model: str, name: str, side: str) -> int:
    """The peak of memory of one explanation above that of the loaded model, in bytes, in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.peers", "--child", model, name, side]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return int(json.loads(said.splitlines()[-1]))


def child(model: str, name: str, side: str) -> int:
    """What :func:`peak` measures."""
    from pathlib import Path

    bench = Bench(model)
    bench.model.score([bench.frame], ASKED, ANSWER)  # what is set up at the first pass is not the method's
    before = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")
    getattr(bench, side)(name)
    return memory("VmHWM") - before


def alike(a: np.ndarray, b: np.ndarray) -> tuple[float, float]:
    """The correlation of two maps, and the largest difference over the largest value."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1]), float(np.abs(a - b).max() / np.abs(b).max())


def scaled(heat: np.ndarray) -> np.ndarray:
    """To 0..1, as the package grad-cam gives its maps."""
    shown: np.ndarray = (heat - heat.min()) / (np.ptp(heat) or 1)
    return shown


def timed(way: Callable[[], Any]) -> np.ndarray:
    """Seconds on the clock, and of the processor, for which other work on a shared machine counts little."""
    clocks = (time.perf_counter, time.process_time)
    start = [clock() for clock in clocks]
    way()
    return np.array([clock() for clock in clocks]) - start


def compare(model: str, name: str, bench: Bench, repeats: int) -> None:
    """Print the line of one method on one model."""
    ours, theirs = bench.ours(name), bench.theirs(name)
    if name == "gradcam":
        ours = scaled(ours)
    close, off = alike(ours, theirs)
    spent: dict[str, list[np.ndarray]] = {"ours": [], "theirs": []}
    for k in range(repeats):
        for side in sorted(spent, reverse=bool(k % 2)):  # neither is always the first
            spent[side].append(timed(lambda side=side: getattr(bench, side)(name)))
    seconds = {side: np.median(times, 0) for side, times in spent.items()}
    ratios = np.median(np.array(spent["ours"]) / np.array(spent["theirs"]), 0)  # of neighbours in time
    peaks = {side: peak(model, name, side) for side in spent}
    print(
        f"{name:22}{seconds['ours'][0]:8.3f}{seconds['theirs'][0]:8.3f}{ratios[0]:7.2f}"
        f"{seconds['ours'][1]:8.3f}{seconds['theirs'][1]:8.3f}{ratios[1]:7.2f}"
        f"{peaks['ours'] / 1e6:6.0f}{peaks['theirs'] / 1e6:6.0f}{peaks['ours'] / peaks['theirs']:7.2f}"
        f"{close:9.4f}{off:9.1e}",
        flush=True,
    )
    if name == "kernelshap":
        print(f"  (our own map with another seed: correlation {alike(ours, bench.ours(name, 1))[0]:.4f})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repeats", type=int, default=11)
    parser.add_argument("--methods", nargs="+", choices=OURS, default=list(OURS), metavar="NAME")
    parser.add_argument("--child", nargs=3, metavar=("MODEL", "METHOD", "SIDE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    if args.child:
        print(child(*args.child))
        return
    for model in MODELS:
        bench = Bench(model)
        print(f"{model}, batches of {BATCH}, {torch.get_num_threads()} threads, median of {args.repeats} in turns")
        print(
            f"{'method':22}{'ours':>8}{'theirs':>8}{'ratio':>7}{'CPU s':>8}{'theirs':>8}{'ratio':>7}"
            f"{'MB':>6}{'their':>6}{'ratio':>7}{'correl.':>9}{'off by':>9}"
        )
        for name in args.methods:
            compare(model, name, bench, args.repeats)


if __name__ == "__main__":
    main()
