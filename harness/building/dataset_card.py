"""The data set card of a built benchmark, ``README.md``: what is in the folder, and what of it may be passed on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.building.causal import GATES
from harness.building.questions import BuildSelection
from harness.contracts.mode import Mode
from harness.text import plain


def dataset_card(selection: BuildSelection, said: dict[str, Any], images: bool) -> str:
    """``README.md`` as Markdown, with the YAML head that ``datasets`` reads.

    ``said``: the report. ``images``: whether images are embedded.
    """
    closed = [name for name, source in selection.sources.items() if not source.redistributable]
    blocks = [
        _head(selection.modes),
        "# A causally filtered benchmark of visual attribution for chest X-rays",
        "Built by `harness build` in the format of MedGround-Bench (arXiv 2605.20158). A question survives if "
        "editing the finding out of its boxes flips the model's answer, and editing everything else does not: "
        "so its boxes are what the model really used. `report.md` says how many were dropped at each gate and why.",
        "## What may be passed on",
        *_terms(selection, closed, images),
        "## What is here",
        f"Splits: {', '.join(f'`{mode}`' for mode in selection.modes)}, a row for each model and sample; in all "
        f"{_total(said, 'survived')} of {_total(said, 'samples')} survive.",
        _COLUMNS,
        "The images are " + ("embedded with the survivors." if images else "not embedded: those columns are empty."),
        "## How to use it",
        _USE,
        "## How it was built",
        _built(selection, said),
    ]
    return "\n\n".join(blocks) + "\n"


def _head(modes: Sequence[Mode]) -> str:
    files = "".join(f"\n  - split: {mode}\n    path: {mode}.parquet" for mode in modes)
    return (
        "---\nlicense: other\nlicense_name: terms-of-the-sources\npretty_name: Causally filtered chest X-ray questions"
        f"\ntags:\n- medical\n- visual-attribution\nconfigs:\n- config_name: default\n  data_files:{files}\n---"
    )


def _terms(selection: BuildSelection, closed: Sequence[str], images: bool) -> list[str]:
    table = ["| Source | May be passed on | Terms |", "| --- | --- | --- |"]
    for name, source in selection.sources.items():
        table.append(f"| {name} | {'yes' if source.redistributable else '**no**'} | {plain(source.licence)} |")
    blocks = ["\n".join(table)]
    if closed:
        names = ", ".join(closed)
        what = "the embedded images, the edited ones too, and the" if images else "the"
        blocks.append(
            f"**Do not publish this folder.** Of {names}, {what} attributes, questions, boxes and file names in the "
            "Parquet files are the source's own or made from it; pass them on only to people who have been granted "
            "access to it themselves. `direct.json` and `reasoning.json` hold what MedGround-Bench's release holds: "
            "indices and the models' texts, no image and no annotation."
        )
    blocks.append(
        "The folder `work` holds the journal and the edited images. It is needed to go on with the build, not to use "
        "the benchmark; leave it out of what you pass on."
    )
    return blocks


_COLUMNS = f"""\
| Column | What it is |
| --- | --- |
| `model`, `source`, `index`, `mode` | who was asked about which sample of the source's order, and how |
| `attribute`, `question`, `answer` | the finding, the question, and the true answer |
| `boxes` | the finding's boxes, x0, y0, x1, y1, half-open, in pixels of the original |
| `prediction`, `prediction_edited`, `prediction_edited_kept`, `prediction_edited_kept_normal` | the model's texts \
about the original, without the finding, with the finding alone kept, and with all else normal; empty where an \
earlier answer had decided already |
| `dropped` | null for a survivor; else the first gate that it fails \
({", ".join(f'"{gate.reason}"' for gate in GATES)}) or "failed" |
| `error` | why it failed |
| `flips_under` | the controls under which a survivor's answer flips as well; null where they were not run |
| `path`, `path_edited`, ... | the original's name in its source, and each edit's file in the cache of edits |
| `image`, `image_edited`, ... | the same four images |"""

_USE = """\
```python
from datasets import load_dataset

survivors = load_dataset("THIS FOLDER", split="direct").filter(lambda row: row["dropped"] is None)
```

To rate attribution methods: `harness eval --attributor NAME --bench THIS_FOLDER` (with `--data-root`, where the source
needs one)."""


def _built(selection: BuildSelection, said: dict[str, Any]) -> str:
    settings = said["settings"]
    lines = [
        f"- {name}: {count} of {settings['available'][name]} samples, edited by "
        f"`{selection.editors[name].label}`{_options(settings, selection.editors[name].label)}"
        for name, count in settings["planned"].items()
    ]
    lines.append(f"- models: {', '.join(one.label for one in selection.models)}")
    lines.append(f"- seed {settings['seed']}; harness {settings['harness']}, device {settings['device']}")
    if said["controls"] is not None:
        lines.append("- controls were run: `controls.json` has them, `report.md` counts them")
    return "\n".join(lines)


def _options(settings: dict[str, Any], editor: str) -> str:
    values = settings["plugins"]["editor"][editor]["options"]
    return f" ({', '.join(f'{name} {value}' for name, value in values.items())})" if values else ""


def _total(said: dict[str, Any], name: str) -> int:
    return sum(run[name] for run in said["filter"])
