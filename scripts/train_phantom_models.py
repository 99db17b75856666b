"""Train one of the two embedded models on phantoms.

``python -m scripts.train_phantom_models qwen2_5_vl DATA WORK`` with DATA from ``scripts.phantom_dataset``. Three
stages: the vision tower learns where each finding is (dense labels for each image token); the language part learns to
look findings up in frozen image tokens, first from checklists, then with the benchmark's questions mixed in; a last
stage trains all together. Each stage leaves a checkpoint in WORK and is skipped where that exists.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from scripts import checkpoints
from scripts.lessons import Lesson, Teacher, corpus
from scripts.packing import Packer
from scripts.phantom_dataset import Phantoms

FAMILIES: dict[str, Callable[..., tuple[Any, Any]]] = {"qwen2_5_vl": checkpoints.qwen2_5_vl, "gemma3": checkpoints.gemma3}
SIDE = 224


class Trainer:
    """A model, its optimiser and its data."""

    def __init__(self, family: str, data: Path, work: Path, seed: int = 0) -> None:
        torch.manual_seed(seed)
        self.rng = np.random.default_rng(seed)
        self.family, self.work = family, work
        self.model, self.processor = FAMILIES[family](None, corpus(), vocab_size=640, seed=seed)
        self.packer = Packer(self.model, self.processor)
        self.train, self.develop = Phantoms.load(data / "train"), Phantoms.load(data / "develop")
        self.teacher = Teacher(self.train.present.mean(0), self.rng)
        images = self.processor.image_processor
        self.mean, self.std = float(np.mean(images.image_mean)), float(np.mean(images.image_std))
        self.colour = [(m, s) for m, s in zip(images.image_mean, images.image_std, strict=True)]
        some = self.train.where[::10].astype(np.float32) / 255
        self.cover = torch.from_numpy(np.clip(some / 0.3, 0, 1).mean((0, 2, 3)))  # share of tokens a finding covers
        self.often = torch.from_numpy(self.train.present.mean(0).astype(np.float32))
        self.head = nn.Linear(self.model.config.text_config.hidden_size, self.train.present.shape[1])

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
        for step, rows in self._batches(steps, batch):
            _schedule(optimiser, rate, step, steps)
            frames, where = self.augment(rows)
            with torch.autocast("cpu", torch.bfloat16):
                seen = self.see(frames)
            loss = self.dense_loss(seen.float(), where)
            _step(optimiser, loss, [*parts, *self.head.parameters()])
            if step % 50 == 0:
                self.log(f"see {step}/{steps} loss {loss.item():.4f}")
            if step and step % 150 == 0 or step == steps - 1:
                self.log("see, balanced accuracy " + self.judge_vision())

    def dense_loss(self, seen: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of each token's findings, and of each image's by its most convinced tokens."""
        logits = self.head(seen)
        target = (where / 0.3).clamp(max=1).flatten(2).transpose(1, 2)
        dense = _rare(logits, target, self.cover).mean()
        whole = where.sum((2, 3))
        sure = (whole < 1e-3) | (whole > 0.25)
        image = torch.logsumexp(logits * 2, 1) / 2
        pooled = _rare(image, (whole > 0.25).float(), self.often)
        return dense + (pooled * sure).sum() / sure.sum()

    @torch.no_grad()
    def judge_vision(self) -> str:
        """Balanced accuracy of each finding on the development films, by the most convinced token."""
        logits = []
        for k in range(0, len(self.develop.frames), 50):
            grey = torch.from_numpy(self.develop.frames[k : k + 50].astype(np.float32) / 255)
            logits.append(torch.logsumexp(self.head(self.see(grey)) * 2, 1) / 2)
        return _balanced(torch.cat(logits).numpy() > 0, self.develop.present)

    # -- stages 2 and 3 ---------------------------------------------------------------------------------------------
    def learn_to_tell(self, steps: int, batch: int, rate: float, lists: int, directs: int, reasonings: int,
                      frozen: bool) -> None:  # fmt: skip
        """The language part alone over cached image tokens (``frozen``), or everything."""
        named = [(n, p) for n, p in self.model.named_parameters() if not frozen or "language_model" in n]
        parts = [p for _, p in named]
        optimiser = torch.optim.AdamW(parts, lr=rate, weight_decay=0.02, betas=(0.9, 0.98))
        cache = self._cache() if frozen else None
        for step, rows in self._batches(steps, batch):
            _schedule(optimiser, rate, step, steps)
            present = self.train.present[rows]
            if cache is not None:
                images, where = cache[rows].float(), None
            else:
                frames, where = self.augment(rows)
                # A finding that a rectangle hides is no longer there; half hidden ones are not asked about as present.
                whole, before = where.sum((2, 3)).numpy(), self.train.where[rows].sum((2, 3)) / 255
                present = present & (whole > 0.5 * before)
                images = self.see(frames)
            lessons = [list(self.teacher.lessons(there, lists, directs, reasonings)) for there in present]
            packed = self.packer.pack(lessons)
            with torch.autocast("cpu", torch.bfloat16):
                hidden = self.packer.hidden(packed, images)
            wanted = packed["labels"] >= 0
            logits = self.model.lm_head(hidden[wanted].float())
            labels = packed["labels"][wanted]
            loss = functional.cross_entropy(logits, labels)
            total = loss if where is None else loss + 0.5 * self.dense_loss(images, where)
            _step(optimiser, total, parts)
            if step % 50 == 0:
                answers = self.verdicts(labels)
                wrong = functional.cross_entropy(logits[answers], labels[answers]).item()
                right = (logits[answers].argmax(-1) == labels[answers]).float().mean().item()
                self.log(f"tell {step}/{steps} loss {loss.item():.4f}, yes/no loss {wrong:.4f}, right {right:.3f}")
            if step and step % 250 == 0 or step == steps - 1:
                self.log("direct, balanced accuracy " + self.judge_direct())
                self.save("latest")

    def verdicts(self, labels: torch.Tensor) -> torch.Tensor:
        """Which labels are a yes or a no."""
        if not hasattr(self, "_verdicts"):
            words = {self.packer.encode(text)[-1] for text in ("Yes", "No", ": yes", ": no")}
            self._verdicts = torch.tensor(sorted(words))
        return torch.isin(labels, self._verdicts)

    @torch.no_grad()
    def _cache(self) -> torch.Tensor:
        self.model.eval()
        parts = []
        for k in range(0, len(self.train.frames), 50):
            parts.append(self.see(torch.from_numpy(self.train.frames[k : k + 50].astype(np.float32) / 255)).half())
        self.log("image tokens cached")
        return torch.cat(parts)

    @torch.no_grad()
    def judge_direct(self, films: int = 150) -> str:
        """Balanced accuracy of each finding in direct answers on development films."""
        from scripts.lessons import direct
        from plugins.phantom.vocabulary import FINDINGS

        lessons: list[Lesson] = [direct(finding, True) for finding in FINDINGS]
        yes, no = self.packer.encode("Yes")[0], self.packer.encode("No")[0]
        told = []
        for k in range(0, films, 25):
            frames = self.develop.frames[k : k + 25]
            packed = self.packer.pack([lessons] * len(frames))
            images = self.see(torch.from_numpy(frames.astype(np.float32) / 255))
            logits = self.model.lm_head(self.packer.hidden(packed, images)[packed["labels"] == yes])
            told.append((logits[:, yes] > logits[:, no]).reshape(len(frames), -1).numpy())
        return _balanced(np.concatenate(told), self.develop.present[:films])

    # -- housekeeping -----------------------------------------------------------------------------------------------
    def _batches(self, steps: int, batch: int) -> Iterator[tuple[int, np.ndarray]]:
        for step in range(steps):
            yield step, self.rng.integers(0, len(self.train.frames), batch)

    def save(self, stage: str) -> None:
        """Keep this state."""
        torch.save({"model": self.model.state_dict(), "head": self.head.state_dict()}, self.work / f"{stage}.pt")

    def load(self, stage: str, folder: Path | None = None) -> bool:
        """Take up a kept state, if there is one."""
        path = (folder or self.work) / f"{stage}.pt"
        if path.exists():
            state = torch.load(path, weights_only=True)
            self.model.load_state_dict(state["model"])
            self.head.load_state_dict(state["head"])
        return path.exists()

    def log(self, text: str) -> None:
        """A line with the time."""
        print(time.strftime("%H:%M:%S"), text, flush=True)


def _schedule(optimiser: torch.optim.Optimizer, rate: float, step: int, steps: int) -> None:
    warm = min(1.0, (step + 1) / 60)
    for group in optimiser.param_groups:
        group["lr"] = rate * warm * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / steps)))


def _step(optimiser: torch.optim.Optimizer, loss: torch.Tensor, parts: list[Any]) -> None:
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


def _balanced(told: np.ndarray, truth: np.ndarray) -> str:
    right_yes = [told[truth[:, k], k].mean() for k in range(truth.shape[1])]
    right_no = [1 - told[~truth[:, k], k].mean() for k in range(truth.shape[1])]
    each = (np.array(right_yes) + right_no) / 2
    return f"mean {each.mean():.3f} min {each.min():.3f}: " + " ".join(f"{v:.2f}" for v in each)


def main() -> None:
    """Train the stages that are not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--start", type=Path, help="begin with the weights of this checkpoint")
    parser.add_argument("--see", type=int, default=1200, help="steps of stage 1")
    parser.add_argument("--see-rate", type=float, default=1.5e-3)
    parser.add_argument("--lists", type=int, default=500, help="steps of stage 2, checklists")
    parser.add_argument("--mix", type=int, default=700, help="steps of stage 2, all questions")
    parser.add_argument("--all", type=int, default=400, help="steps of stage 3")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    trainer = Trainer(args.family, args.data, args.work)
    stages: list[tuple[str, Callable[[], None]]] = [
        ("see", lambda: trainer.learn_to_see(args.see, 40, args.see_rate)),
        ("lists", lambda: trainer.learn_to_tell(args.lists, 32, 1.5e-3, 10, 0, 0, frozen=True)),
        ("mix", lambda: trainer.learn_to_tell(args.mix, 32, 1.2e-3, 6, 3, 1, frozen=True)),
        ("all", lambda: trainer.learn_to_tell(args.all, 24, 4e-4, 4, 3, 1, frozen=False)),
    ]
    if args.start:
        trainer.load(args.start.stem, args.start.parent)
    for name, run in stages:
        if not trainer.load(name):
            run()
            trainer.save(name)
    trainer.model.float().eval()
    trainer.model.save_pretrained(args.work / "checkpoint", safe_serialization=True)
    trainer.processor.save_pretrained(args.work / "checkpoint")


if __name__ == "__main__":
    main()
