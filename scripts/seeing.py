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

from plugins.phantom.kinds import ATTRIBUTES
from plugins.phantom.population import ORDINARY
from scripts import checkpoints
from scripts.lessons import Scene, Teacher, corpus
from scripts.packing import Packer
from scripts.phantom_films import GRID, Films

FAMILIES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "qwen2_5_vl": checkpoints.qwen2_5_vl,
    "gemma3": checkpoints.gemma3,
}
WIDTHS: dict[str, Any] = {"vocab_size": 720, "vision_hidden": 128, "vision_intermediate": 256}
SIDE = 224
TOKENS = 8  # image tokens a side; each stands for 2 x 2 patches
KEPT = 200  # steps between two checkpoints of a stage


class Seer:
    """A model, its data, and a linear head that reads findings off its image tokens, patch by patch."""

    def __init__(self, family: str, data: Path, work: Path, films: str = "", seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.family, self.work = family, work
        self.model, self.processor = FAMILIES[family](None, corpus(), seed=seed, **WIDTHS)
        self.packer = Packer(self.model, self.processor)
        self.train, self.develop = Films.load(data / f"{films}train"), Films.load(data / f"{films}develop")
        self.teacher = Teacher(self.train.present.mean(0), self.rng)
        images = self.processor.image_processor
        self.colour = [(m, s) for m, s in zip(images.image_mean, images.image_std, strict=True)]
        some = self.train.where[::10].astype(np.float32) / 255
        self.cover = torch.from_numpy(np.clip(some / 0.3, 0, 1).mean((0, 2, 3)).clip(2e-3))  # share of patches
        self.often = torch.from_numpy(self.train.present.mean(0).astype(np.float32))
        self.weight = torch.ones(len(ATTRIBUTES))
        self.head = nn.Linear(self.model.config.text_config.hidden_size, 4 * len(ATTRIBUTES))
        # Gemma 3 averages four patches into a token: what tells them apart is best taught before that.
        self.patch_head = nn.Linear(WIDTHS["vision_hidden"], len(ATTRIBUTES)) if family == "gemma3" else None

    @staticmethod
    def grey(frames: np.ndarray) -> torch.Tensor:
        """Frames in 0..1."""
        return torch.from_numpy(frames.astype(np.float32) / 255)

    def scene(self, row: int) -> Scene:
        """What is true of a training film.

        What is absent has any side: the opposite of "the lungs have no ..." is "each lung has ..." too, and where that
        was never the decisive token, models said "each lung" of every doubtful film.
        """
        side = self.train.side[row]
        side = np.where(np.isfinite(side), side, self.rng.choice([0.0, 0.5, 1.0], len(side)))
        return Scene(self.train.present[row], self.train.boxes[row], side)

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

    def patches(self, grey: torch.Tensor) -> torch.Tensor | None:
        """What Gemma's vision tower says of each patch, [B, 256, D]; None of the other family."""
        if self.patch_head is None:
            return None
        hidden: torch.Tensor = self.model.model.vision_tower(**self.pixels(grey)).last_hidden_state
        return hidden

    def see(self, grey: torch.Tensor, patches: torch.Tensor | None = None) -> torch.Tensor:
        """Image tokens [B, N, D]; of ``patches``, where those are there."""
        if patches is not None:
            tokens: torch.Tensor = self.model.model.multi_modal_projector(patches)
            return tokens
        out = self.model.model.get_image_features(**self.pixels(grey)).pooler_output
        return torch.stack(list(out)) if not torch.is_tensor(out) else out

    def read(self, seen: torch.Tensor) -> torch.Tensor:
        """The head's logits for each patch and finding, [B, 256, K], patches of one token beside each other."""
        return self.head(seen).reshape(len(seen), -1, len(ATTRIBUTES))

    def augment(self, rows: np.ndarray, move: bool = False, blank: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames [B, 224, 224] with other exposure and black rectangles; and where findings remain visible.

        ``move``: mirrored and shifted too, which only lessons that name no place can bear; ``blank``: the share of
        frames that show nothing but one grey.
        """
        rng, frames = self.rng, self.train.frames[rows].astype(np.float32) / 255
        where = self.train.where[rows].astype(np.float32) / 255
        for k in range(len(rows)):
            if move:
                frames[k], where[k] = moved(frames[k], where[k], rng)
            frame = frames[k]
            gain, gamma = rng.uniform(0.85, 1.1), rng.uniform(0.85, 1.2)
            frame = np.clip(frame * gain, 0, 1) ** gamma
            if rng.random() < 0.3:
                h, w = rng.integers(28, 110, 2)
                y, x = rng.integers(0, SIDE - h), rng.integers(0, SIDE - w)
                frame[y : y + h, x : x + w] = 0
                left = np.ones((SIDE, SIDE), np.float32)
                left[y : y + h, x : x + w] = 0
                where[k] *= left.reshape(GRID, SIDE // GRID, GRID, SIDE // GRID).mean((1, 3))
            if rng.random() < blank:
                frame[:] = rng.choice([0.0, rng.random()])
                where[k] = 0
            frames[k] = frame
        return torch.from_numpy(frames), torch.from_numpy(where)

    @torch.no_grad()
    def whiten(self) -> None:
        """Start the patch embedding with the whitened principal components of the training films' patches.

        Films are smooth: but for that, brightness drowns the fine structure that tells small findings, and thousands
        of steps pass before the first is learnt.
        """
        side = SIDE // GRID
        frames = self.train.frames[:400].astype(np.float64) / 255
        patches = frames.reshape(-1, GRID, side, GRID, side).transpose(0, 1, 3, 2, 4).reshape(-1, side * side)
        mean = patches.mean(0)
        size, axes = np.linalg.eigh(np.cov((patches - mean).T))
        width = WIDTHS["vision_hidden"]
        noise = 3e-4  # of the detector: what is smaller than this is not worth enlarging
        rows = torch.from_numpy((axes[:, ::-1] / np.sqrt(size[::-1] + noise)).T[:width].copy()).float()
        if self.family == "gemma3":
            conv = self.model.model.vision_tower.embeddings.patch_embedding
        else:
            conv = self.model.model.visual.patch_embed.proj
        # Grey films come in three equal channels (and Qwen's in two equal frames), each normalised.
        spread = torch.tensor([s for _, s in self.colour]) / 3
        kernel = rows.reshape(width, 1, side, side) * spread[None, :, None, None]
        conv.weight.copy_(kernel if conv.weight.ndim == 4 else kernel[:, :, None].expand(-1, -1, 2, -1, -1) / 2)
        if conv.bias is not None:
            middle = sum(m for m, _ in self.colour) / 3
            conv.bias.copy_(rows @ (middle - torch.from_numpy(mean).float()))

    # -- stage 1 ----------------------------------------------------------------------------------------------------
    def learn_to_see(self, steps: int, batch: int, rate: float) -> None:
        """Vision tower and projector: which finding covers which patch."""
        parts = [p for n, p in self.model.named_parameters() if "language_model" not in n] + [*self.head.parameters()]
        parts += [] if self.patch_head is None else [*self.patch_head.parameters()]
        optimiser = torch.optim.AdamW(parts, lr=rate, weight_decay=0.02)
        start = self.resume("see", optimiser)
        if not start:
            self.whiten()
        self.log("see, balanced accuracy " + self.judge_vision())
        for step, rows in self.batches(steps, batch, start=start):
            schedule(optimiser, rate, step, steps)
            frames, where = self.augment(rows, move=True)
            with torch.autocast("cpu", torch.bfloat16):
                patches = self.patches(frames)
                seen = self.see(frames, patches)
            loss = self.dense_loss(seen.float(), where)
            if self.patch_head is not None and patches is not None:
                loss = loss + self._loss(self.patch_head(patches.float()), where.flatten(2).transpose(1, 2))
            step_down(optimiser, loss, parts)
            if step % 50 == 0:
                self.log(f"see {step}/{steps} loss {loss.item():.4f}")
            if (step and step % KEPT == 0) or step == steps - 1:
                self.log("see, balanced accuracy " + self.judge_vision())
                self.pause("see", optimiser, step)

    def dense_loss(self, seen: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each patch's findings, and of each image's by its most convinced patches."""
        b, k = where.shape[:2]
        cells = where.reshape(b, k, TOKENS, 2, TOKENS, 2).permute(0, 2, 4, 3, 5, 1).reshape(b, -1, k)
        return self._loss(self.read(seen), cells)

    def _loss(self, logits: torch.Tensor, cells: torch.Tensor) -> torch.Tensor:
        dense = (_rare(logits, (cells / 0.3).clamp(max=1), self.cover) * self.weight).mean()
        whole = cells.sum(1)
        sure = (whole < 1e-3) | (whole > 0.5)
        pooled = _rare(pool(logits), (whole > 0.5).float(), self.often)
        return dense + (pooled * sure * self.weight).sum() / sure.sum()

    @torch.no_grad()
    def judge_vision(self) -> str:
        """Balanced accuracy of each finding on the development films, by the most convinced patch."""
        logits = [
            pool(self.read(self.see(self.grey(self.develop.frames[k : k + 50]))))
            for k in range(0, len(self.develop.frames), 50)
        ]
        each = self.balanced(torch.cat(logits).numpy() > 0)
        # What is still missed weighs more from here on.
        missed = torch.from_numpy(1.02 - each).float()
        self.weight = missed / missed.mean()
        return in_words(each)

    def balanced(self, told: np.ndarray) -> np.ndarray:
        """Balanced accuracy [K] on the first development films, of findings of ordinary contrast."""
        present, contrast = self.develop.present[: len(told)], self.develop.contrast[: len(told)]
        return balanced(told, present, present & (contrast < ORDINARY))

    # -- housekeeping -----------------------------------------------------------------------------------------------
    def batches(
        self, steps: int, batch: int, films: int | None = None, start: int = 0
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Each step's number and rows of training films."""
        # Films that show what is still missed come more often.
        films = min(films or len(self.train.frames), len(self.train.frames))
        chance = None
        for step in range(start, steps):
            if chance is None or step % 150 == 1:
                missed = 0.5 + self.train.present[:films] @ self.weight.numpy()
                chance = missed / missed.sum()
            yield step, self.rng.choice(films, batch, p=chance)

    def save(self, stage: str) -> None:
        """Keep this state."""
        torch.save({"model": self.model.state_dict(), "head": self.head.state_dict()}, self.work / f"{stage}.pt")

    def load(self, stage: str) -> bool:
        """Take up a kept state, if there is one."""
        path = self.work / f"{stage}.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.head.load_state_dict(state["head"])
        return path.exists()

    def pause(self, stage: str, optimiser: torch.optim.Optimizer, step: int) -> None:
        """Keep the middle of a stage, so that a run that ends goes on from there."""
        state = {"model": self.model.state_dict(), "head": self.head.state_dict(), "step": step + 1,
                 "optimiser": optimiser.state_dict()}  # fmt: skip
        partial = self.work / f"writing-{stage}.pt"
        torch.save(state, partial)
        partial.rename(self.work / f"{stage}-partial.pt")

    def resume(self, stage: str, optimiser: torch.optim.Optimizer) -> int:
        """Go on with a stage that was not finished; the step to go on with."""
        path = self.work / f"{stage}-partial.pt"
        if not path.exists():
            return 0
        state = torch.load(path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        optimiser.load_state_dict(state["optimiser"])
        self.rng = np.random.default_rng([self.rng.integers(2**31), state["step"]])
        self.teacher.rng = self.rng
        return int(state["step"])

    def log(self, text: str) -> None:
        """A line with the time."""
        print(time.strftime("%H:%M:%S"), text, flush=True)


def moved(frame: np.ndarray, where: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A frame and its findings' places, mirrored or not, and shifted by up to 20 pixels over black."""
    if rng.random() < 0.5:
        frame, where = frame[:, ::-1], where[:, :, ::-1]
    side = SIDE // GRID
    layers = np.concatenate([frame[None], where.repeat(side, 1).repeat(side, 2)])
    reach = 20
    y, x = rng.integers(0, 2 * reach + 1, 2)
    layers = np.pad(layers, ((0, 0), (reach, reach), (reach, reach)))[:, y : y + SIDE, x : x + SIDE]
    return layers[0], layers[1:].reshape(-1, GRID, side, GRID, side).mean((2, 4))


def pool(logits: torch.Tensor) -> torch.Tensor:
    """One logit a finding from those of the patches: the most convinced ones count."""
    return torch.logsumexp(logits * 2, 1) / 2


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


def balanced(told: np.ndarray, truth: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """Balanced accuracy of each finding, without the answers that are ``apart``."""
    right_yes = [told[truth[:, k] & ~apart[:, k], k].mean() for k in range(truth.shape[1])]
    right_no = [1 - told[~truth[:, k], k].mean() for k in range(truth.shape[1])]
    return (np.array(right_yes) + right_no) / 2


def in_words(each: np.ndarray) -> str:
    """Accuracies in a line of a log."""
    return f"mean {each.mean():.3f} min {each.min():.3f}: " + " ".join(f"{v:.2f}" for v in each)
