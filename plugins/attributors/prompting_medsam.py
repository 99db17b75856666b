"""Asking the model for the names of regions; OWL-ViT (Minderer et al. 2022, arXiv 2205.06230) finds them, MedSAM
draws them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from harness.contracts.attributor import Attribution, Attributor
from harness.contracts.case import Case
from harness.contracts.model import Capability
from harness.contracts.plugin import NoOptions
from harness.errors import HarnessError
from harness.hookspecs import hookimpl
from harness.imaging.frame import Box
from plugins.attributors.medsam import MedSAM, medsam_files
from plugins.attributors.text_boxes import names_in
from plugins.checkpoint import checkpoint_files, load_checkpoint

PROMPT = (
    "You were asked: {question}\nYou answered: {answer}\nWhich regions of the image support this answer? Reply with "
    'short descriptions of them, as a JSON list of strings ["...", ...], and nothing else.'
)


class PromptingMedSAM(Attributor):
    """Ask the model which regions support its answer, find them by OWL-ViT and refine them by MedSAM."""

    name: ClassVar[str] = "prompting-medsam"
    needs: ClassVar[frozenset[Capability]] = frozenset({"generate"})
    grounding: ClassVar[bool] = True

    class Options(NoOptions):
        """Threshold and top are the paper's."""

        medsam: Path | None = Field(
            default=None,
            description="MedSAM weights: a segment-anything file, best as safetensors (`harness weights convert` makes "
            "them of its .pth), or the folder or hub id of a transformers SamModel. Required.",
        )
        multimask: bool = Field(
            default=False,
            description="Of MedSAM's three masks of a box take the one that it expects to fit best, instead of its "
            "one mask, which alone it was trained for.",
        )
        owlvit: str = Field(
            default="google/owlvit-base-patch32", description="Folder or hub id of the OWL-ViT checkpoint."
        )
        threshold: float = Field(default=0.1, ge=0, le=1, description="Least score of a detection.")
        top: int = Field(default=5, ge=1, le=100, description="Detections kept of each description.")
        names: int = Field(default=10, ge=1, le=100, description="Descriptions read from the model's reply.")

    options: Options  # type: ignore[assignment]

    def files(self) -> list[Path]:
        """The weights of both networks."""
        medsam = [] if self.options.medsam is None else medsam_files(self.options.medsam)
        return [*medsam, *checkpoint_files(self.options.owlvit)]

    def load(self) -> None:
        """Build detector and refiner, once a run."""
        import torch

        if self.options.medsam is None:
            raise HarnessError(
                "prompting-medsam needs MedSAM's weights: give a .safetensors or .pth file, or a SamModel's folder or "
                "hub id, by -o prompting-medsam.medsam=PATH."
            )
        self.refiner = MedSAM(self.options.medsam, self.options.multimask, plugin=self.name)
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.detector, self.processor = load_checkpoint(
            self.name,
            self.options.owlvit,
            "OwlViTForObjectDetection",
            "owlvit",
            "float32",
            self.device,
            None,
            option="owlvit",
            attention=None,
        )

    def attribute(self, case: Case) -> Attribution:
        """The boxes of what is found; none where the reply names nothing or nothing of it is found."""
        reply = case.ask(PROMPT.format(question=case.question, answer=case.answer))
        found = self.find(case.image, names_in(reply, self.options.names))
        return Attribution(boxes=self.refiner.refine(case.image, found))

    def find(self, image: np.ndarray, names: Sequence[str]) -> list[Box]:
        """The best detections of each name, best first, in pixels of ``image``, uint8 [h, w, 3]; each box once.

        They are those of asking for one name at a time: neither a box nor its score depends on the other names.
        """
        import torch

        if not names:
            return []
        height, width = image.shape[:2]
        options: dict[str, Any] = {"return_tensors": "pt", "truncation": True}
        inputs = self.processor(text=[list(names)], images=image, **options).to(self.device)
        with torch.inference_mode():
            seen = self.detector(**inputs)
        boxes: list[Box] = []
        for k in range(len(names)):
            one = type(seen)(logits=seen.logits[..., k : k + 1], pred_boxes=seen.pred_boxes)
            found = self.processor.post_process_grounded_object_detection(
                one, threshold=self.options.threshold, target_sizes=[(height, width)]
            )[0]
            best = found["scores"].argsort(descending=True, stable=True)[: self.options.top]
            boxes += [Box(*edges).clip(width, height) for edges in found["boxes"][best].tolist()]
        return list(dict.fromkeys(box for box in boxes if box.area > 0))


@hookimpl
def attributors() -> Sequence[type[Attributor]]:
    """The attributors of this plugin."""
    return [PromptingMedSAM]
