"""A model that learns to see: films, the image tokens of both embedded models, and dense labels for them.

:mod:`scripts.train_phantom_models` goes on from here to language.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from plugins.phantom.vocabulary import FINDINGS
from scripts import checkpoints
from scripts.lessons import Teacher, corpus
from scripts.packing import Packer
from scripts.phantom_dataset import Phantoms

FAMILIES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "qwen2_5_vl": checkpoints.qwen2_5_vl,
    "gemma3": checkpoints.gemma3,
}
SIDE = 224


class Seer:
    """A model, its data, and a linear head that reads findings off its image tokens."""

    def __init__(self, family: str, data: Path, work: Path, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.family, self.work = family, work
        self.model, self.processor = FAMILIES[family](None, corpus(), vocab_size=640, seed=seed)
        self.packer = Packer(self.model, self.processor)
        self.train, self.develop = Phantoms.load(data / "train"), Phantoms.load(data / "develop")
        self.teacher = Teacher(self.train.present.mean(0), self.rng)
        images = self.processor.image_processor
        self.colour = [(m, s) for m, s in zip(images.image_mean, images.image_std, strict=True)]
        some = self.train.where[::10].astype(np.float32) / 255
        self.cover = torch.from_numpy(np.clip(some / 0.3, 0, 1).mean((0, 2, 3)))  # share of tokens a finding covers
        self.often = torch.from_numpy(self.train.present.mean(0).astype(np.float32))
        self.weight = torch.ones(len(FINDINGS))
        self.head = nn.Linear(self.model.config.text_config.hidden_size, self.train.present.shape[1])

    @staticmethod
    def grey(frames: np.ndarray) -> torch.Tensor:
        """Frames in 0..1."""
        return torch.from_numpy(frames.astype(np.float32) / 255)

    # -- images -----------------------------------------------------------------------------------------------------
    def pixels(self, grey: torch.Tensor) -> dict[str, torch.Tensor]:
        """What the family's image processor makes of grey frames in 0..1, [B, 224, 224]."""
        colour = torch.stack([(grey - m) / s for m, s in self.colour], 1)
        if self.family == "gemma3":
            return {"pixel_values": colour}
        b, g = len(grey), SIDE // 14
        # (B, C, h, 2, 14, w, 2, 14) -> patches in the order (h, w, 2, 2), each (C, 2 frames, 14, 14).
        cut = colour.reshape(b, 3, g // 2, 2, 14, g // 2, 2, 14).permute(0, 2, 5, 3, 6, 1, 4, 7)
        patches = cut.reshape(b * g * g, 3, 1, 14, 14).expand(-1, -1, 2, -1, -1).reshape(b * g * g, -1)
        return {"pixel_values": patches, "image_grid_thw": torch.tensor([[1, g, g]] * b)}

    def see(self, grey: torch.Tensor) -> torch.Tensor:
        """Image tokens [B, N, D]."""
        out = self.model.model.get_image_features(**self.pixels(grey)).pooler_output
        return torch.stack(list(out)) if not torch.is_tensor(out) else out

    def augment(self, rows: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames [B, 224, 224] with other exposure, place and black rectangles; and where findings remain visible."""
        rng, frames = self.rng, self.train.frames[rows].astype(np.float32) / 255
        where = self.train.where[rows].astype(np.float32) / 255
        for k in range(len(rows)):
            frame = frames[k]
            gain, gamma = rng.uniform(0.85, 1.1), rng.uniform(0.85, 1.2)
            frame = np.clip(frame * gain, 0, 1) ** gamma
            if rng.random() < 0.3:
                h, w = rng.integers(28, 110, 2)
                y, x = rng.integers(0, SIDE - h), rng.integers(0, SIDE - w)
                frame[y : y + h, x : x + w] = 0
                left = np.ones((SIDE, SIDE), np.float32)
                left[y : y + h, x : x + w] = 0
                where[k] *= left.reshape(8, 28, 8, 28).mean((1, 3))
            frames[k] = frame
        return torch.from_numpy(frames), torch.from_numpy(where)

    # -- stage 1 ----------------------------------------------------------------------------------------------------
    def learn_to_see(self, steps: int, batch: int, rate: float) -> None:
        """Vision tower and projector: which finding covers which image token."""
        parts = [p for n, p in self.model.named_parameters() if "language_model" not in n]
        optimiser = torch.optim.AdamW([*parts, *self.head.parameters()], lr=rate, weight_decay=0.02)
        self.log("see, balanced accuracy " + self.judge_vision())
        for step, rows in self.batches(steps, batch):
            schedule(optimiser, rate, step, steps)
            frames, where = self.augment(rows)
            with torch.autocast("cpu", torch.bfloat16):
                seen = self.see(frames)
            loss = self.dense_loss(seen.float(), where)
            step_down(optimiser, loss, [*parts, *self.head.parameters()])
            if step % 50 == 0:
                self.log(f"see {step}/{steps} loss {loss.item():.4f}")
            if (step and step % 150 == 0) or step == steps - 1:
                self.log("see, balanced accuracy " + self.judge_vision())

    def dense_loss(self, seen: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each token's findings, and of each image's by its most convinced tokens."""
        logits = self.head(seen)
        target = (where / 0.3).clamp(max=1).flatten(2).transpose(1, 2)
        dense = (_rare(logits, target, self.cover) * self.weight).mean()
        whole = where.sum((2, 3))
        sure = (whole < 1e-3) | (whole > 0.25)
        image = torch.logsumexp(logits * 2, 1) / 2
        pooled = _rare(image, (whole > 0.25).float(), self.often)
        return dense + (pooled * sure * self.weight).sum() / sure.sum()

    @torch.no_grad()
    def judge_vision(self) -> str:
        """Balanced accuracy of each finding on the development films, by the most convinced token."""
        logits = []
        for k in range(0, len(self.develop.frames), 50):
            seen = self.see(self.grey(self.develop.frames[k : k + 50]))
            logits.append(torch.logsumexp(self.head(seen) * 2, 1) / 2)
        each = balanced(torch.cat(logits).numpy() > 0, self.develop.present)
        # What is still missed weighs more from here on.
        missed = torch.from_numpy(1.02 - each).float()
        self.weight = missed / missed.mean()
        return in_words(each)

    # -- housekeeping -----------------------------------------------------------------------------------------------
    def batches(self, steps: int, batch: int, films: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
        """Each step's number and rows of training films."""
        # Films that show what is still missed come more often.
        films = films or len(self.train.frames)
        chance = None
        for step in range(steps):
            if chance is None or step % 150 == 1:
                missed = 0.5 + self.train.present[:films] @ self.weight.numpy()
                chance = missed / missed.sum()
            yield step, self.rng.choice(films, batch, p=chance)

    def save(self, stage: str) -> None:
        """Keep this state."""
        torch.save({"model": self.model.state_dict(), "head": self.head.state_dict()}, self.work / f"{stage}.pt")

    def load(self, stage: str, folder: Path | None = None) -> bool:
        """Take up a kept state, if there is one; of another's folder only what it sees."""
        path = (folder or self.work) / f"{stage}.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            seeing = {
                n: p
                for n, p in state["model"].items()
                if folder is None or ("language_model" not in n and "lm_head" not in n)
            }
            self.model.load_state_dict(seeing, strict=folder is None)
            self.head.load_state_dict(state["head"])
        return path.exists()

    def log(self, text: str) -> None:
        """A line with the time."""
        print(time.strftime("%H:%M:%S"), text, flush=True)


def schedule(optimiser: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    """Set the learning rate of a step: a short warming up, then half a cosine."""
    warm = min(1.0, (step + 1) / 60)
    for group in optimiser.param_groups:
        group["lr"] = rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def step_down(optimiser: torch.optim.Optimizer, loss: torch.Tensor, parts: list[Any]) -> None:
    """One step of an optimiser, with clipped gradients."""
    optimiser.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(parts, 1.0)
    optimiser.step()


def _rare(logits: torch.Tensor, target: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Cross-entropy in which the rare positives of a small finding weigh about as much as its many negatives."""
    lean = 0.75
    yes, no = 0.5 / share**lean, 0.5 / (1 - share) ** lean
    each = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return each * (target * yes + (1 - target) * no)


def balanced(told: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Balanced accuracy of each finding."""
    right_yes = [told[truth[:, k], k].mean() for k in range(truth.shape[1])]
    right_no = [1 - told[~truth[:, k], k].mean() for k in range(truth.shape[1])]
    return (np.array(right_yes) + right_no) / 2


def in_words(each: np.ndarray) -> str:
    """Accuracies in a line of a log."""
    return f"mean {each.mean():.3f} min {each.min():.3f}: " + " ".join(f"{v:.2f}" for v in each)
