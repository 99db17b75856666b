"""What ships keeps the contracts that others are held to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import ANSWER, FAMILIES, build_taught, load
from small_vision import save_owlvit, save_sam

from harness.contracts.attributor import Attributor
from harness.contracts.metric import Metric
from harness.contracts.observer import Observer
from harness.imaging.frame import Box
from harness.registry import OWN, Kind, Registry
from harness.testing import (
    RegionModel,
    check_attributor,
    check_editor,
    check_executor,
    check_metric,
    check_model,
    check_observer,
    check_source,
)
from harness.testing.models import Asked
from harness.testing.trials import SPECIMENS
from plugins.editors.phantom import PhantomEditor
from plugins.sources.phantom import Phantom

# What makes a method cheaper and no different.
OPTIONS: dict[str, dict[str, Any]] = {
    "rise": {"masks": 8}, "eagle": {"regions": 4}, "integrated-gradients": {"steps": 4}
}  # fmt: skip


def own(kind: Kind, *known: str) -> list[Any]:
    """The plugins of this distribution, whatever else is installed, in a registry found by entry points."""
    registry = Registry.discover()
    found = [cls for cls in registry.all(kind) if registry.origin(cls).distribution == OWN]
    assert set(known) <= {cls.name for cls in found}
    return found


@pytest.mark.parametrize("cls", own("metric", "iou", "concept", "deletion"), ids=lambda cls: cls.name)
def test_metrics(cls: type[Metric]) -> None:
    check_metric(cls())


@pytest.mark.parametrize("cls", own("observer", "kept-maps", "gallery"), ids=lambda cls: cls.name)
def test_observers(cls: type[Observer]) -> None:
    check_observer(cls())


def test_the_local_executor() -> None:
    """What Ray does takes processes: test_executors.py."""
    (local,) = (cls for cls in own("executor", "local", "ray") if cls.name == "local")
    check_executor(local())


@pytest.mark.parametrize("cls", own("attributor", "medfocus", "occlusion", "random"), ids=lambda cls: cls.name)
def test_attributors(cls: type[Attributor], tmp_path: Path) -> None:
    options = dict(OPTIONS.get(cls.name, {}))
    if cls.name == "prompting-medsam":
        save_sam(tmp_path / "sam")
        save_owlvit(tmp_path / "owlvit")
        options = {"medsam": tmp_path / "sam", "owlvit": str(tmp_path / "owlvit"), "threshold": 0.0}
    if cls.name == "maps-from-files":
        (tmp_path / "kit").mkdir()
        for index in range(len(SPECIMENS)):
            np.save(tmp_path / "kit" / f"{index}.npy", np.arange(224 * 224).reshape(224, 224))
        options = {"folder": tmp_path}
    check_attributor(cls(cls.Options(**options)))


@pytest.mark.parametrize("name", ["phantom-qwen2.5-vl", "phantom-gemma3"])
def test_the_embedded_models(name: str) -> None:
    check_model(Registry.discover().find("model", name)())


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_small_checkpoints_of_the_real_classes(family: str, tmp_path: Path) -> None:
    """Taught ones: what random weights babble is tokenised in another way than it was generated."""
    build_taught(family, tmp_path)
    model = load(family, tmp_path, max_new_tokens=24)
    check_model(model)
    assert Asked(model).answer.startswith(ANSWER[:20])  # a text, so that the check of greediness meant something


@pytest.mark.parametrize(("rows", "columns"), [(4, 8), (5, 7), (1, 1)])
def test_the_kits_own_model(rows: int, columns: int) -> None:
    check_model(RegionModel(Box(30, 40, 90, 80), rows, columns))


def test_the_phantom_source_and_editor() -> None:
    source = Phantom()
    check_source(source)
    sample = next(source.samples())
    check_editor(PhantomEditor(), source.image(sample), sample)
