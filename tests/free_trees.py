"""Tiny trees of NIH ChestX-ray14, MS-CXR, CheXlocalize and a COCO folder, in the formats of the real ones.

As in data_trees, each ``write_...(root)`` returns what the source is to say: (image, attribute, boxes) in order.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import data_trees as trees
import numpy as np
from data_trees import MIMIC, Expected, picture
from PIL import Image

NIH = "nih-chestxray14/BBox_List_2017.csv"
NIH_COLUMNS = ("Image Index", "Finding Label", "Bbox [x", "y", "w", "h]", "", "", "")
MSCXR = "ms-cxr/1.1.0/MS_CXR_Local_Alignment_v1.1.0.csv"
MSCXR_COLUMNS = (
    "category_name", "label_text", "path", "image_width", "image_height", "x", "y", "w", "h", "dicom_id", "split",
)  # fmt: skip
CHEXLOCALIZE = "chexlocalize/CheXlocalize/gt_segmentations_test.json"
COCO = "coco/annotations.json"


def save(path: Path, boxes: Sequence[Sequence[float]], seed: int = 0, size: tuple[int, int] = (200, 260)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture(*size, boxes, seed)).save(path, quality=95)


def write_nih(root: Path) -> list[Expected]:
    """Two images; the table is ordered by finding, as the real one is."""
    a, b = "00013118_008.png", "00004342_002.png"
    rows = [
        (a, "Atelectasis", 30.5, 60, 80.5, 90, "", "", ""),
        (b, "Cardiomegaly", 40, 140, 90, 80, "", "", ""),
        (a, "Nodule", 120, 40, 20, 20, "", "", ""),
        (a, "Nodule", 150, 90, 25, 22, "", "", ""),
    ]
    trees.write_table(root / NIH, NIH_COLUMNS, rows, ",")
    assert (root / NIH).read_text().startswith("Image Index,Finding Label,Bbox [x,y,w,h],,,\n")
    home = "nih-chestxray14/images"
    save(root / home / a, [(31, 60, 111, 150), (120, 40, 140, 60), (150, 90, 175, 112)], 1)
    save(root / home / b, [(40, 140, 130, 220)], 2)
    return [
        (f"{home}/{b}", "Cardiomegaly", [(40, 140, 130, 220)]),
        (f"{home}/{a}", "Atelectasis", [(30.5, 60, 111, 150)]),  # type: ignore[list-item]
        (f"{home}/{a}", "Nodule", [(120, 40, 140, 60), (150, 90, 175, 112)]),
    ]


def write_ms_cxr(root: Path) -> list[Expected]:
    """Two images; two sentences of one category are one sample."""
    a, b = trees.MIMIC_A, trees.MIMIC_B
    path = {a: f"files/p10/p10000032/s53000000/{a}.jpg", b: f"files/p19/p19999999/s50000001/{b}.jpg"}

    def row(name: str, category: str, sentence: str, *box: int) -> tuple[Any, ...]:
        return (category, sentence, path[name], 200, 260, *box, name, "test")

    rows = [
        row(a, "Pneumonia", "Right basal consolidation, likely pneumonia.", 30, 150, 40, 60),
        row(b, "Pleural Effusion", "small left effusion", 120, 190, 50, 40),
        row(a, "Pneumonia", "additional left upper opacity", 120, 50, 40, 40),
        row(a, "Edema", "mild edema", 20, 60, 160, 150),
    ]
    trees.write_table(root / MSCXR, MSCXR_COLUMNS, rows, ",")
    save(root / MIMIC / path[a].removeprefix("files/"), [(20, 60, 180, 210), (120, 50, 160, 90)], 3)
    save(root / MIMIC / path[b].removeprefix("files/"), [(120, 190, 170, 230)], 4)
    images = {name: f"{MIMIC}/{file.removeprefix('files/')}" for name, file in path.items()}
    return [
        (images[b], "Pleural Effusion", [(120, 190, 170, 230)]),
        (images[a], "Edema", [(20, 60, 180, 210)]),
        (images[a], "Pneumonia", [(30, 150, 70, 210), (120, 50, 160, 90)]),
    ]


def runs_of(mask: np.ndarray) -> list[int]:
    """Run lengths of a mask, down the columns, from what is outside."""
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat)) + 1
    lengths = np.diff([0, *edges, len(flat)]).tolist()
    return [0, *lengths] if flat[0] else lengths


def text_of(runs: Sequence[int]) -> str:
    """Run lengths as cocoapi's ``rleToString`` writes them."""
    out = []
    for place, run in enumerate(runs):
        rest, more = run - (runs[place - 2] if place > 2 else 0), True
        while more:
            group = rest & 31
            rest >>= 5
            more = rest != -1 if group & 16 else rest != 0
            out.append(chr(48 + group + 32 * more))
    return "".join(out)


def rle(mask: np.ndarray) -> dict[str, Any]:
    return {"size": list(mask.shape), "counts": text_of(runs_of(mask))}


def painted(boxes: Sequence[Sequence[int]], size: tuple[int, int] = (200, 260)) -> np.ndarray:
    mask = np.zeros(size[::-1], bool)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def write_chexlocalize(root: Path, split: str = "test") -> list[Expected]:
    """Two images of one patient; of each finding there is a segmentation, most of them empty."""
    nothing = rle(painted([]))
    effusion, opacity = [(20, 200, 60, 240), (140, 190, 190, 240)], [(50, 60, 90, 100)]
    held = {
        "patient64741_study1_view2_lateral": {"Edema": nothing, "Airspace Opacity": rle(painted(opacity))},
        "patient64741_study1_view1_frontal": {
            "Enlarged Cardiomediastinum": nothing, "Pleural Effusion": rle(painted(effusion)),
            "Airspace Opacity": rle(painted(opacity)),
        },
    }  # fmt: skip
    path = root / CHEXLOCALIZE.replace("test", split)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(held))
    home = f"chexlocalize/CheXpert/{split}/patient64741/study1"
    save(root / home / "view1_frontal.jpg", [*effusion, *opacity], 5)
    save(root / home / "view2_lateral.jpg", opacity, 6)
    return [
        (f"{home}/view1_frontal.jpg", "Airspace Opacity", opacity),
        (f"{home}/view1_frontal.jpg", "Pleural Effusion", [(140, 190, 190, 240), (20, 200, 60, 240)]),
        (f"{home}/view2_lateral.jpg", "Airspace Opacity", opacity),
    ]


def coco_annotation(number: int, image: int, category: int, box: Sequence[float], **more: Any) -> dict[str, Any]:
    x0, y0, x1, y1 = box
    return {
        "id": number, "image_id": image, "category_id": category, "bbox": [x0, y0, x1 - x0, y1 - y0],
        "area": (x1 - x0) * (y1 - y0), "iscrowd": 0, **more,
    }  # fmt: skip


def coco_file() -> dict[str, Any]:
    square = [30, 60, 90, 60, 90, 120, 30, 120]
    crowd = {"size": [260, 200], "counts": runs_of(painted([(100, 150, 180, 240)]))}
    return {
        "info": {"year": 2026, "version": "1.0"},
        "licenses": [{"id": 1, "name": "CC-BY", "url": ""}],
        "images": [
            {"id": 7, "file_name": "b/film 2.png", "width": 200, "height": 260, "license": 1},
            {"id": 2, "file_name": "a.jpg", "width": 200, "height": 260},
            {"id": 9, "file_name": "nothing.png", "width": 10, "height": 10},
        ],
        "categories": [{"id": 11, "name": "pleural effusion"}, {"id": 3, "name": "nodule", "supercategory": "x"}],
        "annotations": [
            coco_annotation(1, 7, 11, (100, 150, 180, 240), segmentation=crowd, iscrowd=1),
            coco_annotation(2, 2, 11, (20, 200, 60, 240), segmentation=rle(painted([(20, 200, 60, 240)]))),
            coco_annotation(3, 7, 3, (30, 60, 90, 120), segmentation=[square]),
            coco_annotation(4, 7, 3, (120.5, 20, 140, 40), segmentation=[]),
            coco_annotation(5, 2, 11, (150, 200, 190, 240), segmentation=[[150, 200, 190, 200, 190, 240, 150, 240]]),
        ],
    }  # fmt: skip


def write_coco(root: Path) -> list[Expected]:
    """Two images, one in a subfolder; polygons, run lengths as text and as a list, and one that has none."""
    (root / COCO).parent.mkdir(parents=True, exist_ok=True)
    (root / COCO).write_text(json.dumps(coco_file()))
    save(root / "coco/images/b/film 2.png", [(100, 150, 180, 240), (30, 60, 90, 120), (121, 20, 140, 40)], 7)
    save(root / "coco/images/a.jpg", [(20, 200, 60, 240), (150, 200, 190, 240)], 8)
    a, b = "coco/images/a.jpg", "coco/images/b/film 2.png"
    return [
        (a, "pleural effusion", [(20, 200, 60, 240), (150, 200, 190, 240)]),
        (b, "nodule", [(30, 60, 90, 120), (120.5, 20, 140, 40)]),  # type: ignore[list-item]
        (b, "pleural effusion", [(100, 150, 180, 240)]),
    ]
