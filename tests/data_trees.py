"""Tiny trees of the three clinical data sets, in the formats and under the paths of the real ones.

``write_imagenome(root)``, ``write_vindr_cxr(root)`` and ``write_padchest_gr(root)`` each write annotations and
images under a data root, and return what the source is to say about them: (image, attribute, boxes) in the order
of the release, put down here by hand. ``write_references(root)`` writes Chest ImaGenome with normal images
instead. All of it is made up. No image is square. The images are grey noise of
60 to 99 with the boxes of their findings painted in ``BRIGHT``, so that a toy model that looks for brightness
says yes, and no where an editor paints a box dark.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

BRIGHT = 255
Expected = tuple[str, str, list[tuple[int, int, int, int]]]

GOLD = "chest-imagenome/1.0.0/gold_dataset/gold_object_attribute_with_coordinates.txt"
GOLD_COLUMNS = (
    "patient_id", "study_id", "image_id", "row_id", "sentence", "bbox", "relation", "label_name", "categoryID",
    "context", "coord224", "coord_original",
)  # fmt: skip
REGIONS = "chest-imagenome/1.0.0/gold_dataset/gold_bbox_coordinate_annotations_1000images.csv"
REGION_COLUMNS = (
    "image_id", "x1", "y1", "x2", "y2", "width", "height", "bbox_name", "annot_id", "original_x1", "original_x2",
    "original_y1", "original_y2", "original_width", "original_height", "annotator", "coord224", "coord_original",
)  # fmt: skip
MIMIC = "mimic-cxr-jpg/2.1.0/files"
VINDR = "vindr-cxr/1.0.0/annotations/annotations_test.csv"
VINDR_COLUMNS = ("image_id", "class_name", "x_min", "y_min", "x_max", "y_max")
VINDR_IMAGES = "vindr-cxr/1.0.0/test"
PADCHEST = "filtered_studies.json"
PADCHEST_IMAGES = "PadChest_GR"

# Image ids as the real ones are: five hexadecimal words; 32 hexadecimal digits; long decimal numbers.
MIMIC_A, MIMIC_B, MIMIC_C = (f"{d * 8}-{d * 8}-0d1e2f3a-4b5c6d7e-{d * 8}" for d in "fa0")
VINDR_A, VINDR_B, VINDR_C = (d * 32 for d in "e17")
PADCHEST_A, PADCHEST_B, PADCHEST_C = (f"21684011136696401382954316651201333{d}_02-092-190.png" for d in "912")


def picture(width: int, height: int, boxes: Iterable[Sequence[float]], seed: int = 0) -> np.ndarray:
    """Grey noise with bright boxes, uint8 [height, width]."""
    image = np.random.default_rng(seed).integers(60, 100, (height, width), dtype=np.uint8)
    for box in boxes:
        x0, y0, x1, y1 = map(round, box)
        image[y0:y1, x0:x1] = BRIGHT
    image[0, 0] = 0  # the whole range, with the boxes: what is stretched over it stays as it is
    return image


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]], delimiter: str) -> Path:
    """A table in text, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
    return path


def gold_row(
    patient: Any, study: Any, image: str, label: str, box: Any, region: str = "left lung", **fields: Any
) -> list[str]:
    """A row of Chest ImaGenome's gold table that is in use, but for what ``fields`` say."""
    row = {
        "patient_id": patient, "study_id": study, "image_id": f"{image}.dcm", "row_id": f"{study}|2",
        "sentence": 'There is "mild" opacity, as before.', "bbox": region, "relation": 1, "label_name": label,
        "categoryID": "anatomicalfinding", "context": "yes", "coord224": "[1, 2, 3, 4]",
        "coord_original": str(box), **fields,
    }  # fmt: skip
    return [str(row[column]) for column in GOLD_COLUMNS]


def write_imagenome(root: Path) -> list[Expected]:
    """Three JPEG images of two patients; the rows are not in the order of the samples."""
    opacity, heart, effusion = [30, 60, 110, 150], [40, 140, 130, 220], [20, 180, 70, 250]
    rows = [
        gold_row(19999999, 50000001, MIMIC_B, "pleural effusion", effusion, "left costophrenic angle"),
        gold_row(10000032, 53000000, MIMIC_A, "pneumonia", opacity, categoryID="disease"),
        gold_row(10000032, 53000000, MIMIC_A, "lung opacity", opacity),
        gold_row(10000032, 53000000, MIMIC_A, "lung opacity", opacity, relation=0, context="no"),
        gold_row(10000032, 53000000, MIMIC_A, "lung opacity", heart, "cardiac silhouette"),
        gold_row(10000032, 53000000, MIMIC_A, "endotracheal tube", opacity, categoryID="tubesandlines"),
        gold_row(10000032, 53000000, MIMIC_A, "enlarged cardiac silhouette", heart, "cardiac silhouette"),
        gold_row(10000032, 9000000, MIMIC_C, "lung opacity", effusion),
        gold_row(10000032, 53000000, MIMIC_A, "pneumothorax", heart, relation=0, context="no"),
    ]
    write_table(root / GOLD, GOLD_COLUMNS, rows, "\t")
    a = f"{MIMIC}/p10/p10000032/s53000000/{MIMIC_A}.jpg"
    b = f"{MIMIC}/p19/p19999999/s50000001/{MIMIC_B}.jpg"
    c = f"{MIMIC}/p10/p10000032/s9000000/{MIMIC_C}.jpg"
    for seed, (path, boxes) in enumerate({a: [opacity, heart], b: [effusion], c: [effusion]}.items()):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(200, 260, boxes, seed)).save(root / path, quality=95)
    # As text the study 53000000 would come before 9000000: studies are numbers.
    return [
        (c, "lung opacity", [tuple(effusion)]),
        (a, "enlarged cardiac silhouette", [tuple(heart)]),
        (a, "lung opacity", [tuple(opacity), tuple(heart)]),
        (a, "pneumonia", [tuple(opacity)]),
        (b, "pleural effusion", [tuple(effusion)]),
    ]


# Regions of a chest of 200 x 260 pixels, by the names of the gold table, which has no mediastinum.
CHEST = {
    "cardiac silhouette": [80, 130, 150, 200], "upper mediastinum": [85, 40, 125, 110],
    "left lung": [110, 50, 180, 210], "right lung": [20, 50, 90, 205],
    "left clavicle": [112, 38, 176, 56], "right clavicle": [24, 38, 88, 56],
    "left hilar structures": [116, 100, 142, 138], "right hilar structures": [60, 100, 86, 138],
    "left costophrenic angle": [158, 186, 184, 212], "right costophrenic angle": [16, 184, 42, 210],
    "trachea": [95, 20, 110, 90], "svc": [78, 80, 92, 130],
}  # fmt: skip


def region_row(image: str, name: str, box: Any) -> list[str]:
    """A row of Chest ImaGenome's table of regions; ``box`` in native pixels."""
    row = dict.fromkeys(REGION_COLUMNS, "0.0") | {
        "image_id": f"{image}.dcm", "bbox_name": name, "annot_id": f"{image}.dcm|{name}", "annotator": "1_C",
        "coord224": "[1, 2, 3, 4]", "coord_original": str(box),
    }  # fmt: skip
    return [row[column] for column in REGION_COLUMNS]


def write_references(root: Path, count: int = 3) -> list[str]:
    """Chest ImaGenome with ``count`` normal images, whose paths are returned in the order of their ids, and one
    that is not normal. Image k has all regions k pixels lower than :data:`CHEST`."""
    findings, regions, paths = [], [], []
    for k in reversed(range(count + 1)):
        patient, study, name = 10000100 + k, 50000000 + k, f"{k:08x}-0d1e2f3a-0d1e2f3a-4b5c6d7e-00000000"
        findings.append(gold_row(patient, study, name, "normal", CHEST["left lung"], categoryID="nlp"))
        findings.append(
            gold_row(patient, study, name, "lung opacity", CHEST["left lung"], relation=int(k == count))
        )
        boxes = {region: [x0, y0 + k, x1, y1 + k] for region, (x0, y0, x1, y1) in CHEST.items()}
        regions += [region_row(name, region, box) for region, box in boxes.items()]
        path = f"{MIMIC}/p10/p{patient}/s{study}/{name}.jpg"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(200, 260, [boxes["cardiac silhouette"]], k)).save(root / path)
        if k < count:
            paths.insert(0, path)
    write_table(root / GOLD, GOLD_COLUMNS, findings, "\t")
    write_table(root / REGIONS, REGION_COLUMNS, regions, ",")
    return paths


def write_vindr_cxr(root: Path) -> list[Expected]:
    """Three DICOM images, one of them MONOCHROME1, one with rescale and window."""
    rows = [
        (VINDR_A, "Nodule/Mass", 100.4, 60.5, 180.6, 140.5),
        (VINDR_B, "No finding", "", "", "", ""),
        (VINDR_C, "Cardiomegaly", 90, 120, 230, 190),
        (VINDR_A, "Aortic enlargement", 120, 30, 170, 80),
        (VINDR_C, "Pleural effusion", 40.0, 130.0, 90.0, 200.0),
        (VINDR_A, "Nodule/Mass", 40, 150, 80, 190),
    ]
    write_table(root / VINDR, VINDR_COLUMNS, rows, ",")
    path = {name: f"{VINDR_IMAGES}/{name}.dicom" for name in (VINDR_A, VINDR_B, VINDR_C)}
    mass, aorta, other = (100, 60, 181, 140), (120, 30, 170, 80), (40, 150, 80, 190)
    heart, effusion = (90, 120, 230, 190), (40, 130, 90, 200)
    (root / VINDR_IMAGES).mkdir(parents=True, exist_ok=True)
    a = picture(300, 220, [mass, aorta, other], 3).astype(np.uint16) * 16
    write_dicom(root / path[VINDR_A], 4080 - a, PhotometricInterpretation="MONOCHROME1", BitsStored=12, HighBit=11)
    write_dicom(root / path[VINDR_B], picture(300, 220, [], 4).astype(np.uint16))
    c = picture(300, 220, [heart, effusion], 5).astype(np.uint16) * 16
    window = {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 1016.5, "WindowWidth": 4081}
    write_dicom(root / path[VINDR_C], c, BitsStored=14, HighBit=13, **window)
    return [
        (path[VINDR_C], "Cardiomegaly", [heart]),
        (path[VINDR_C], "Pleural effusion", [effusion]),
        (path[VINDR_A], "Aortic enlargement", [aorta]),
        (path[VINDR_A], "Nodule/Mass", [mass, other]),
    ]


def finding(labels: Sequence[str], boxes: Any = (), extra: Any = (), abnormal: bool = True) -> dict[str, Any]:
    """A finding of PadChest-GR; one that is not abnormal has no boxes, labels and locations, as often there."""
    found: dict[str, Any] = {
        "sentence_en": f"There is {' and '.join(labels)}.", "sentence_es": "Hay un hallazgo.",
        "abnormal": abnormal, "progression": None,
    }  # fmt: skip
    if abnormal:
        found |= {"boxes": list(boxes), "extra_boxes": list(extra), "labels": list(labels), "locations": []}
    return found


def study(number: int, image: str, findings: Sequence[Any]) -> dict[str, Any]:
    """A study of PadChest-GR."""
    return {
        "StudyID": str(number), "ImageID": image, "PreviousStudyID": None, "PreviousImageID": None,
        "findings": list(findings),
    }  # fmt: skip


def write_padchest_gr(root: Path) -> list[Expected]:
    """Three 16-bit PNG images; the second study has nothing that becomes a sample."""
    nodule, apex, base = [0.25, 0.2, 0.5, 0.425], [0.1, 0.05, 0.3, 0.2], [0.1, 0.8, 0.453, 0.9504]
    studies = [
        study(251, PADCHEST_A, [
            finding(["normal"], abnormal=False),
            finding(["nodule"], [nodule]),
            finding(["chronic changes"]),
            finding(["apical pleural thickening", "pleural thickening"], [apex], [base]),
        ]),
        study(252, PADCHEST_B, [finding(["normal"], abnormal=False), finding(["scoliosis"])]),
        study(253, PADCHEST_C, [finding(["costophrenic angle blunting"], [], [base])]),
    ]  # fmt: skip
    root.mkdir(parents=True, exist_ok=True)
    (root / PADCHEST).write_text(json.dumps(studies, ensure_ascii=False, indent=1), encoding="utf-8")
    (root / PADCHEST_IMAGES).mkdir(exist_ok=True)
    large, small = (240, 320), (180, 150)
    pixels = {
        PADCHEST_A: picture(*large, [(60, 64, 120, 136), (24, 16, 72, 64), (24, 256, 109, 304)], 6),
        PADCHEST_B: picture(*small, [], 7),
        PADCHEST_C: picture(*small, [(18, 120, 82, 143)], 8),
    }
    for name, image in pixels.items():
        Image.fromarray(image.astype(np.uint16) * 257).save(root / PADCHEST_IMAGES / name)
    a, c = f"{PADCHEST_IMAGES}/{PADCHEST_A}", f"{PADCHEST_IMAGES}/{PADCHEST_C}"
    return [
        (a, "nodule", [(60, 64, 120, 136)]),
        (a, "apical pleural thickening or pleural thickening", [(24, 16, 72, 64), (24, 256, 109, 304)]),
        (c, "costophrenic angle blunting", [(18, 120, 82, 143)]),
    ]


def write_dicom(path: Path, pixels: np.ndarray, **tags: Any) -> Path:
    """An uncompressed DICOM file as radiography writes it, of uint8 or uint16 [height, width] (or RGB)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = SecondaryCaptureImageStorage
    meta.MediaStorageSOPInstanceUID = generate_uid()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(str(path), {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID = meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID
    bits = pixels.dtype.itemsize * 8
    data.Rows, data.Columns = (
        pixels.shape[-2:] if pixels.ndim == 2 or pixels.shape[-1] != 3 else pixels.shape[:2]
    )
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit, data.PixelRepresentation = bits, bits, bits - 1, 0
    for name, value in tags.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    data.save_as(path, enforce_file_format=True)
    return path


def compress(path: Path, syntax: Any, stream: bytes) -> Path:
    """Put a compressed stream in place of an uncompressed file's pixels."""
    from pydicom.encaps import encapsulate

    data = pydicom.dcmread(path)
    data.file_meta.TransferSyntaxUID = syntax
    data.PixelData = encapsulate([stream])
    data["PixelData"].VR = "OB"
    data.save_as(path, enforce_file_format=True)
    return path
