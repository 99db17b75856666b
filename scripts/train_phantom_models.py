"""Train one of the two embedded models on phantoms.

``python -m scripts.train_phantom_models qwen2_5_vl DATA WORK``, DATA from ``scripts.phantom_dataset``. Stages, each of
which leaves a checkpoint in WORK and is skipped where that exists:

* *see*: the vision tower learns which finding covers which image token (dense labels);
* *words*: the language part, over frozen image tokens, learns to answer the bare names of findings;
* *talk*: it learns the benchmark's questions, direct and reasoning, beside the bare names;
* *all*: everything together.
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

from plugins.phantom.vocabulary import FINDINGS, Finding
from scripts import checkpoints
from scripts.lessons import Lesson, Teacher, corpus, direct, reasoning, word
from scripts.packing import Packer
from scripts.phantom_dataset import Phantoms

FAMILIES: dict[str, Callable[..., tuple[Any, Any]]] = {
    "qwen2_5_vl": checkpoints.qwen2_5_vl,
    "gemma3": checkpoints.gemma3,
}
SIDE = 224
CACHED = 6000  # films whose image tokens the frozen stages use
EASY = {"cardiomegaly", "widened mediastinum", "aortic enlargement", "pleural effusion"}


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
        for step, rows in self._batches(steps, batch):
            _schedule(optimiser, rate, step, steps)
            frames, where = self.augment(rows)
            with torch.autocast("cpu", torch.bfloat16):
                seen = self.see(frames)
            loss = self.dense_loss(seen.float(), where)
            _step(optimiser, loss, [*parts, *self.head.parameters()])
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
        each = _balanced(torch.cat(logits).numpy() > 0, self.develop.present)
        # What is still missed weighs more from here on.
        missed = torch.from_numpy(1.02 - each).float()
        self.weight = missed / missed.mean()
        return _words(each)

    # -- from image tokens to words ---------------------------------------------------------------------------------
    @torch.no_grad()
    def align(self) -> None:
        """Make image tokens speak in the words' embeddings, and give the language part a start that can use it.

        After *see* all image tokens share one large mean vector, and what tells them apart points in directions that
        mean nothing to the language part, which then stays at chance. So the projector's output is centred and mapped
        linearly: evidence for a finding becomes a multiple of the embedding of the finding's name.
        """
        language, rng = self.model.model.language_model, torch.Generator().manual_seed(1)
        for name, part in language.named_parameters():
            if part.ndim == 2:
                # Gemma multiplies embeddings by the root of the width.
                scaled = "embed" in name and self.family == "gemma3"
                part.normal_(std=0.06 / (part.shape[1] ** 0.5 if scaled else 1), generator=rng)
        for layer in language.layers:
            # Queries start equal to keys: like attends to like.
            query, key = layer.self_attn.q_proj.weight, layer.self_attn.k_proj.weight
            heads = key.reshape(self.model.config.text_config.num_key_value_heads, -1, key.shape[1])
            query.copy_(heads.repeat_interleave(len(query) // len(key), 0).reshape(query.shape))
        embed = self.model.get_input_embeddings()
        names = [embed(torch.tensor(self.packer.encode(f" {f.attribute}"))).mean(0) for f in FINDINGS]
        words = functional.normalize(torch.stack(names), dim=1)
        seen = torch.cat([self.see(self.grey(self.train.frames[k : k + 50])) for k in range(0, 300, 50)]).flatten(0, 1)
        mean = seen.mean(0)
        evidence = self.head(seen) - self.head(mean)
        naming = (self.head.weight.T / evidence.std(0)) @ words
        centred = seen - mean
        share = (centred @ naming).square().mean().sqrt() / centred.square().mean().sqrt()
        change = naming + 0.5 * share * torch.eye(len(mean))
        change *= 0.3 / (centred @ change).square().mean().sqrt()
        bias = self.head(mean)
        if self.family == "gemma3":
            # No bias to centre with: shrink the mean's direction instead.
            axis = functional.normalize(mean, dim=0)
            change = change - 0.9 * torch.outer(axis, axis @ change)
            projection = self.model.model.multi_modal_projector.mm_input_projection_weight
            projection.copy_(projection @ change)
            bias = self.head.bias.clone()
        else:
            last = self.model.model.visual.merger.mlp[2]
            last.weight.copy_(change.T @ last.weight)
            last.bias.copy_((last.bias - mean) @ change)
        self.head.weight.copy_((torch.linalg.inv(change) @ self.head.weight.T).T)
        self.head.bias.copy_(bias)

    # -- language ---------------------------------------------------------------------------------------------------
    def learn_to_tell(self, steps: int, batch: int, rate: float, counts: dict[str, int], easy: int = 0,
                      frozen: bool = True) -> None:  # fmt: skip
        """The language part alone over cached image tokens (``frozen``), or everything.

        ``counts``: lessons an image of each kind; ``easy``: for so many steps only about the largest findings.
        """
        named = [(n, p) for n, p in self.model.named_parameters() if not frozen or "language_model" in n]
        parts = [p for _, p in named]
        optimiser = torch.optim.AdamW(parts, lr=rate, weight_decay=0.02, betas=(0.9, 0.98))
        cache = self._cache() if frozen else None
        if not frozen:
            self.log("see, balanced accuracy " + self.judge_vision())
            self.log("direct, balanced accuracy " + self.judge(direct, "Yes", "No"))
        simple = np.array([finding.kind in EASY for finding in FINDINGS])
        for step, rows in self._batches(steps, batch, CACHED if frozen else None):
            _schedule(optimiser, rate, step, steps)
            present, where = self.train.present[rows], None
            if cache is not None:
                images = cache[rows].float()
            else:
                frames, where = self.augment(rows)
                # A finding that a rectangle hides is no longer there.
                whole, before = where.sum((2, 3)).numpy(), self.train.where[rows].sum((2, 3)) / 255
                present = present & (whole > 0.5 * before)
                images = self.see(frames)
            known = simple if step < easy else np.ones_like(simple)
            packed = self.packer.pack([self.teacher.lessons(there, counts, known) for there in present])
            with torch.autocast("cpu", torch.bfloat16):
                hidden = self.packer.hidden(packed, images)
            wanted = packed["labels"] >= 0
            logits = self.model.lm_head(hidden[wanted].float())
            labels = packed["labels"][wanted]
            answers = packed["decisive"][wanted]
            verdict = functional.cross_entropy(logits[answers], labels[answers])
            total = functional.cross_entropy(logits, labels) + 2 * verdict
            if where is not None:
                total = total + self.dense_loss(images, where)
            _step(optimiser, total, parts)
            if step % 50 == 0:
                right = (logits[answers].argmax(-1) == labels[answers]).float().mean().item()
                self.log(
                    f"tell {step}/{steps} loss {total.item():.4f}, yes/no loss {verdict.item():.4f}, right {right:.3f}"
                )
            if (step and step % 200 == 0) or step == steps - 1:
                self.log("words, balanced accuracy " + self.judge(word, " yes", " no"))
                if not frozen:
                    self.log("see, balanced accuracy " + self.judge_vision())
                if "direct" in counts:
                    self.log("reasoning, right at the decisive token " + self.judge_reasoning())
                    self.log("direct, balanced accuracy " + self.judge(direct, "Yes", "No"))
                self.save("latest")

    @torch.no_grad()
    def _cache(self) -> torch.Tensor:
        self.model.eval()
        parts = []
        for k in range(0, min(CACHED, len(self.train.frames)), 50):
            parts.append(self.see(self.grey(self.train.frames[k : k + 50])).half())
        self.log("image tokens cached")
        return torch.cat(parts)

    @torch.no_grad()
    def judge(self, kind: Callable[[Finding, bool], Lesson], yes: str, no: str, films: int = 300) -> str:
        """Balanced accuracy of each finding in answers of one kind on development films."""
        lessons = [kind(finding, True) for finding in FINDINGS]
        right, wrong = self.packer.encode(yes)[0], self.packer.encode(no)[0]
        told = []
        for k in range(0, films, 25):
            frames = self.develop.frames[k : k + 25]
            packed = self.packer.pack([lessons] * len(frames))
            hidden = self.packer.hidden(packed, self.see(self.grey(frames)))
            logits = self.model.lm_head(hidden[packed["decisive"]])
            told.append((logits[:, right] > logits[:, wrong]).reshape(len(frames), -1).numpy())
        each = _balanced(np.concatenate(told), self.develop.present[:films])
        self.teacher.focus = 1.04 - each
        return _words(each)

    @torch.no_grad()
    def judge_reasoning(self, films: int = 100) -> str:
        """Balanced accuracy of each finding where a reasoning text departs from its opposite."""
        right = []
        for frames, present in zip(
            np.split(self.develop.frames[:films], films // 25),
            np.split(self.develop.present[:films], films // 25),
            strict=True,
        ):
            some = [[reasoning(f, bool(p)) for f, p in zip(FINDINGS, row, strict=True)] for row in present]
            packed = self.packer.pack(some)
            hidden = self.packer.hidden(packed, self.see(self.grey(frames)))
            told = self.model.lm_head(hidden[packed["decisive"]]).argmax(-1) == packed["labels"][packed["decisive"]]
            right.append(told.reshape(len(frames), -1).numpy())
        truth = self.develop.present[:films]
        return _words(_balanced(np.concatenate(right) == truth, truth))

    def adopt(self, folder: Path) -> None:
        """Go on from a finished checkpoint: its weights and words, and a dense head fitted anew on what it sees.

        A checkpoint does not hold the head, which only training needs.
        """
        from transformers import AutoProcessor

        self.model = type(self.model).from_pretrained(str(folder), dtype=torch.float32).eval()
        self.processor = AutoProcessor.from_pretrained(str(folder))
        self.packer = Packer(self.model, self.processor)
        optimiser = torch.optim.AdamW(self.head.parameters(), lr=1e-2)
        seen = self._cache().float()
        for step in range(400):
            _schedule(optimiser, 1e-2, step, 400)
            rows = self.rng.choice(len(seen), 200)
            loss = self.dense_loss(seen[rows], torch.from_numpy(self.train.where[rows].astype(np.float32) / 255))
            _step(optimiser, loss, list(self.head.parameters()))
        self.log("head fitted, balanced accuracy " + self.judge_vision())

    # -- housekeeping -----------------------------------------------------------------------------------------------
    def _batches(self, steps: int, batch: int, films: int | None = None) -> Iterator[tuple[int, np.ndarray]]:
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


def _balanced(told: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Balanced accuracy of each finding."""
    right_yes = [told[truth[:, k], k].mean() for k in range(truth.shape[1])]
    right_no = [1 - told[~truth[:, k], k].mean() for k in range(truth.shape[1])]
    return (np.array(right_yes) + right_no) / 2


def _words(each: np.ndarray) -> str:
    return f"mean {each.mean():.3f} min {each.min():.3f}: " + " ".join(f"{v:.2f}" for v in each)


def main() -> None:
    """Train the stages that are not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--start", type=Path, help="begin with the weights of this checkpoint")
    parser.add_argument("--from", dest="checkpoint", type=Path, help="only the last stage, on this finished checkpoint")
    parser.add_argument("--see", type=int, default=1200, help="steps of stage 1")
    parser.add_argument("--see-rate", type=float, default=1.5e-3)
    parser.add_argument("--words", type=int, default=500, help="steps of stage 2")
    parser.add_argument("--talk", type=int, default=700, help="steps of stage 3")
    parser.add_argument("--all", type=int, default=400, help="steps of stage 4")
    parser.add_argument("--more", type=int, default=600, help="further steps of stage 4")
    parser.add_argument("--more-rate", type=float, default=7e-4)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    trainer = Trainer(args.family, args.data, args.work)
    mix = {"word": 3, "direct": 3, "reasoning": 2}

    def words() -> None:
        trainer.align()
        trainer.learn_to_tell(args.words, 32, 2e-3, {"word": 8}, easy=100)

    stages: list[tuple[str, Callable[[], None]]] = [
        ("see", lambda: trainer.learn_to_see(args.see, 40, args.see_rate)),
        ("words", words),
        ("talk", lambda: trainer.learn_to_tell(args.talk, 32, 1.5e-3, mix)),
        ("all", lambda: trainer.learn_to_tell(args.all, 24, 8e-4, mix, frozen=False)),
        ("more", lambda: trainer.learn_to_tell(args.more, 24, args.more_rate, mix, frozen=False)),
    ]
    if args.checkpoint:
        trainer.adopt(args.checkpoint)
        stages = stages[-1:]
    if args.start:
        trainer.load(args.start.stem, args.start.parent)
    for name, run in stages:
        if not trainer.load(name):
            run()
            trainer.save(name)
    # Half precision halves what ships; the plugin computes in float32.
    trainer.model.half().eval()
    trainer.model.save_pretrained(args.work / "checkpoint")
    trainer.processor.save_pretrained(args.work / "checkpoint")


if __name__ == "__main__":
    main()
