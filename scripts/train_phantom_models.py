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
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from plugins.phantom.vocabulary import FINDINGS, Finding
from scripts.lessons import Lesson, direct, reasoning, word
from scripts.packing import Packer
from scripts.seeing import FAMILIES, Seer, balanced, in_words, schedule, step_down

CACHED = 6000  # films whose image tokens the frozen stages use
EASY = {"cardiomegaly", "widened mediastinum", "aortic enlargement", "pleural effusion"}


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
        for step, rows in self.batches(steps, batch, CACHED if frozen else None):
            schedule(optimiser, rate, step, steps)
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
            step_down(optimiser, total, parts)
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
        each = balanced(np.concatenate(told), self.develop.present[:films])
        self.teacher.focus = 1.04 - each
        return in_words(each)

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
        return in_words(balanced(np.concatenate(right) == truth, truth))

    def adopt(self, folder: Path) -> None:
        """Go on from a finished checkpoint: its weights and words, and a dense head fitted anew on what it sees.

        A checkpoint does not hold the head, which only training needs.
        """
        from transformers import AutoProcessor

        self.model = type(self.model).from_pretrained(
            str(folder), dtype=torch.float32, use_safetensors=True, trust_remote_code=False
        ).eval()
        self.processor = AutoProcessor.from_pretrained(str(folder), trust_remote_code=False)
        self.packer = Packer(self.model, self.processor)
        optimiser = torch.optim.AdamW(self.head.parameters(), lr=1e-2)
        seen = self._cache().float()
        for step in range(400):
            schedule(optimiser, 1e-2, step, 400)
            rows = self.rng.choice(len(seen), 200)
            loss = self.dense_loss(seen[rows], torch.from_numpy(self.train.where[rows].astype(np.float32) / 255))
            step_down(optimiser, loss, list(self.head.parameters()))
        self.log("head fitted, balanced accuracy " + self.judge_vision())


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
