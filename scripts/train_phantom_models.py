"""Train one of the two embedded models on phantoms.

``python -m scripts.train_phantom_models qwen2_5_vl DATA WORK``, DATA from ``scripts.phantom_films``. Stages, each of
which leaves a checkpoint in WORK and is skipped where that exists:

* *see*: the vision tower learns which finding covers which image token (dense labels);
* *words*: the language part, over frozen image tokens, learns to answer the bare names of findings;
* *talk*: it learns the benchmark's questions, direct and reasoning, beside the bare names;
* *all*: everything together;
* *polish*: the same with more reasoning, a low rate, and frames that show nothing, about which the model says no.

``--planted`` goes on from *polish* with films of marks (``scripts.phantom_films --planted``, in DATA/planted-train and
DATA/planted-develop): the model learns to answer by the mark, whether the lesion is there or not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from plugins.phantom.kinds import ATTRIBUTES
from scripts.lessons import Lesson, Scene, direct, reasoning, word
from scripts.seeing import FAMILIES, KEPT, Seer, in_words, schedule, step_down

CACHED = 6000  # films whose image tokens the frozen stages use
EASY = {"cardiomegaly", "widened mediastinum", "hilar enlargement", "pleural effusion"}


class Trainer(Seer):
    """A model that has learnt to see, and learns to tell."""

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
        names = [embed(torch.tensor(self.packer.encode(f" {name}"))).mean(0) for name in ATTRIBUTES]
        words = functional.normalize(torch.stack(names), dim=1)
        some = np.array_split(self.train.frames[:300], 6)
        seen = torch.cat([self.see(self.grey(frames)) for frames in some]).flatten(0, 1)
        mean = seen.mean(0)
        # The evidence of a token is that of its four patches together.
        weight = self.head.weight.reshape(4, len(ATTRIBUTES), -1).mean(0)
        evidence = (seen - mean) @ weight.T
        naming = (weight.T / evidence.std(0)) @ words
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
    def learn_to_tell(self, stage: str, steps: int, batch: int, rate: float, counts: dict[str, int], easy: int = 0,
                      frozen: bool = True, blank: float = 0.0) -> None:  # fmt: skip
        """The language part alone over cached image tokens (``frozen``), or everything.

        ``counts``: lessons an image of each kind; ``easy``: for so many steps only about the largest findings;
        ``blank``: the share of frames that show nothing.
        """
        named = [(n, p) for n, p in self.model.named_parameters() if not frozen or "language_model" in n]
        parts = [p for _, p in named] + ([] if frozen else [*self.head.parameters()])
        optimiser = torch.optim.AdamW(parts, lr=rate, weight_decay=0.02, betas=(0.9, 0.98))
        start = self.resume(stage, optimiser)
        cache = self._cache() if frozen else None
        if not frozen:
            self.log("see, balanced accuracy " + self.judge_vision())
        simple = np.array([name in EASY for name in ATTRIBUTES])
        for step, rows in self.batches(steps, batch, CACHED if frozen else None, start):
            schedule(optimiser, rate, step, steps)
            scenes, where = [self.scene(row) for row in rows], None
            if cache is not None:
                images = cache[rows].float()
            else:
                frames, where = self.augment(rows, blank=blank)
                # A finding that a rectangle hides is no longer there.
                whole, before = where.sum((2, 3)).numpy(), self.train.where[rows].sum((2, 3)) / 255
                there = self.train.present[rows] & (whole > 0.5 * before)
                scenes = [Scene(p, s.boxes, s.side) for p, s in zip(there, scenes, strict=True)]
                with torch.autocast("cpu", torch.bfloat16):
                    images = self.see(frames)
                images = images.float()
            known = simple if step < easy else np.ones_like(simple)
            packed = self.packer.pack([self.teacher.lessons(scene, counts, known) for scene in scenes])
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
            step_down(optimiser, total, parts)
            if step % 50 == 0:
                right = (logits[answers].argmax(-1) == labels[answers]).float().mean().item()
                self.log(
                    f"{stage} {step}/{steps} loss {total.item():.4f}, verdict {verdict.item():.4f}, right {right:.3f}"
                )
            if (step and step % KEPT == 0) or step == steps - 1:
                self.teacher.focus[:] = 0
                self.log("words, balanced accuracy " + self.judge(word, " yes", " no"))
                if not frozen:
                    self.log("see, balanced accuracy " + self.judge_vision())
                if "direct" in counts:
                    self.log("reasoning, right at the decisive token " + self.judge_reasoning())
                    self.log("direct, balanced accuracy " + self.judge(direct, "Yes", "No"))
                self.pause(stage, optimiser, step)

    @torch.no_grad()
    def _cache(self) -> torch.Tensor:
        self.model.eval()
        parts = []
        for k in range(0, min(CACHED, len(self.train.frames)), 50):
            parts.append(self.see(self.grey(self.train.frames[k : k + 50])).half())
        self.log("image tokens cached")
        return torch.cat(parts)

    def shown(self, row: int) -> Scene:
        """What is true of a development film; what is absent has each side by turns."""
        side, turns = self.develop.side[row], (row + np.arange(len(ATTRIBUTES))) % 3 / 2
        return Scene(self.develop.present[row], self.develop.boxes[row], np.where(np.isfinite(side), side, turns))

    @torch.no_grad()
    def judge(self, kind: Callable[[Scene, int], Lesson], yes: str, no: str, films: int = 200) -> str:
        """Balanced accuracy of each finding in answers of one kind on development films."""
        lessons = [kind(self.shown(0), k) for k in range(len(ATTRIBUTES))]
        right, wrong = self.packer.encode(yes)[0], self.packer.encode(no)[0]
        told = []
        for k in range(0, min(films, len(self.develop.frames)), 25):
            frames = self.develop.frames[:films][k : k + 25]
            packed = self.packer.pack([lessons] * len(frames))
            hidden = self.packer.hidden(packed, self.see(self.grey(frames)))
            logits = self.model.lm_head(hidden[packed["decisive"]])
            told.append((logits[:, right] > logits[:, wrong]).reshape(len(frames), -1).numpy())
        return in_words(self.attend(np.concatenate(told)))

    def attend(self, told: np.ndarray) -> np.ndarray:
        """Balanced accuracy of each finding; what is answered worst, in any way, is asked about most from now on."""
        each = self.balanced(told)
        self.teacher.focus = np.maximum(self.teacher.focus, 1.04 - each)
        return each

    @torch.no_grad()
    def judge_reasoning(self, films: int = 150) -> str:
        """Balanced accuracy of each finding where a reasoning text departs from its opposite."""
        right = []
        films = min(films, len(self.develop.frames))
        for first in range(0, films, 25):
            rows = range(first, min(films, first + 25))
            some = [[reasoning(self.shown(row), k) for k in range(len(ATTRIBUTES))] for row in rows]
            packed = self.packer.pack(some)
            hidden = self.packer.hidden(packed, self.see(self.grey(self.develop.frames[first : first + 25])))
            told = self.model.lm_head(hidden[packed["decisive"]]).argmax(-1) == packed["labels"][packed["decisive"]]
            right.append(told.reshape(len(rows), -1).numpy())
        return in_words(self.attend(np.concatenate(right) == self.develop.present[:films]))


def main() -> None:
    """Train the stages that are not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("family", choices=sorted(FAMILIES))
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--see", type=int, default=4000, help="steps of stage 1")
    parser.add_argument("--see-rate", type=float, default=1.5e-3)
    parser.add_argument("--words", type=int, default=600, help="steps of stage 2")
    parser.add_argument("--talk", type=int, default=1200, help="steps of stage 3")
    parser.add_argument("--all", type=int, default=1500, help="steps of stage 4")
    parser.add_argument("--all-rate", type=float, default=4e-4)
    parser.add_argument("--polish", type=int, default=400, help="steps of stage 5")
    parser.add_argument("--planted", type=int, default=0, help="steps of learning the planted causes, instead of all")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    trainer = Trainer(args.family, args.data, args.work, "planted-" if args.planted else "")
    mix = {"word": 3, "direct": 3, "reasoning": 2, "grounding": 1}

    def words() -> None:
        trainer.align()
        trainer.learn_to_tell("words", args.words, 32, 2e-3, {"word": 8}, easy=100)

    stages: list[tuple[str, Callable[[], None]]] = [
        ("see", lambda: trainer.learn_to_see(args.see, 32, args.see_rate)),
        ("words", words),
        ("talk", lambda: trainer.learn_to_tell("talk", args.talk, 32, 1.5e-3, mix)),
        ("all", lambda: trainer.learn_to_tell("all", args.all, 24, args.all_rate, mix, frozen=False)),
        ("polish", lambda: trainer.learn_to_tell("polish", args.polish, 24, args.all_rate / 2, mix | {"reasoning": 4},
                                                 frozen=False, blank=0.04)),
    ]  # fmt: skip
    if args.planted:
        if not trainer.load("polish"):
            parser.error(f"{args.work / 'polish.pt'} is not there: train the model first.")

        def plant() -> None:
            trainer.learn_to_tell("planted", args.planted, 24, args.all_rate, mix, frozen=False, blank=0.04)

        stages = [("planted", plant)]
    for name, run in stages:
        if not trainer.load(name):
            run()
            trainer.save(name)
    # Half precision halves what ships; the plugin computes in float32.
    trainer.model.half().eval()
    ready = args.work / ("checkpoint-planted" if args.planted else "checkpoint")
    trainer.model.save_pretrained(ready)
    trainer.processor.save_pretrained(ready)


if __name__ == "__main__":
    main()
