"""The commands as functions for scripts and notebooks: ``evaluate``, ``explain``, ``build`` and what they give.

Plugins are given by name, or as classes or plugins of your own that no distribution has to install. Names are looked
up among the installed plugins. Options are those of ``-o``: ``["medfocus.tau=0.5"]`` or ``{"medfocus.tau": 0.5}``.
"""

from __future__ import annotations

from harness.api.evaluation import Evaluation, evaluate
from harness.api.new_benchmark import build
from harness.api.one_image import explain, load_attributor, load_model
from harness.api.several_images import Explanations, explain_all

__all__ = [
    "Evaluation",
    "Explanations",
    "build",
    "evaluate",
    "explain",
    "explain_all",
    "load_attributor",
    "load_model",
]
