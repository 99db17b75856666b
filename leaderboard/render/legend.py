"""What the columns of a published board mean, and what its figures do not say."""

from __future__ import annotations

COLUMNS = (
    ("#", "rank by overall IoU within the mode; equal figures share a rank."),
    ("Attributor", "the method, by its plugin's name; Provenance says which version with which options."),
    (
        "IoU, Precision, Recall, F1",
        "the area that the method's boxes cover together against the area that the true boxes cover "
        "together, in the image's own pixels: what both share as a part of what either covers (IoU), as a "
        "part of the method's (precision), as a part of the truth (recall), and the harmonic mean of the "
        "latter two (F1). Each is the mean over records. A record is one model's answer about one sample; "
        "overall is the mean over the records of all models, so a model with more records weighs more. In "
        "brackets: the 95% interval (BCa bootstrap, 10,000 draws of whole images with all their records).",
    ),
    (
        "p",
        "whether its mean IoU differs from that of the best in the table: a two-sided sign-flip test, paired "
        "by record, with whole images flipped, adjusted by Holm over all pairs of methods (the best is chosen "
        "by the same data). \u2020 beside the IoU marks p below 0.05.",
    ),
    (
        "Pointing",
        "the pointing game: for how many records the maximum of the method's map, or the centre of its first "
        "box where it has no map, lies in a true box. No tolerance around the box.",
    ),
    (
        "Deletion, Insertion",
        "areas under the curve of the answer's mean token probability while the image's pixels go black (less "
        "is better), or come back into a black image (more is better), the most important first. Maps give "
        "the order, boxes two classes; ties are random. They need no annotation, and reward a method for what "
        "blackening does to this model, evidence or not. A failed record counts as 100 and 0.",
    ),
    (
        "Concept right",
        "for how many records the method names exactly the anatomical concept that holds the cause. A "
        "composite that contains it (both lungs for the left lung) counts as wrong, and so does naming none. "
        "Only over records whose cause the source knows; a dash for methods that name no concept.",
    ),
    ("Whole image", "for how many records the method chose no region and returned the whole image."),
    ("Records", "how many records the means are over, failed ones included."),
    ("Failed", "how many of them the method failed on; each is a zero in every mean but that of passes."),
    (
        "N/A",
        "how many further records the method cannot explain, because the model does not offer what it needs; "
        "they count in no mean.",
    ),
    (
        "Passes",
        "images sent forward (+ backward) through the model for a record, the mean over records that did not "
        "fail. Passes that methods share are charged to each.",
    ),
    (
        "Seconds",
        "wall-clock time of a record that did not fail, the mean, on the device that Provenance names. A pass "
        "that methods share is in the time of the first that asks for it, and what a method has kept from earlier runs "
        "(MedFocus's concept boxes) is in nobody's: for its full time, run with --cache off.",
    ),
    (
        "GPU GB",
        "the most GPU memory that one record took, in 10^9 bytes, with the model's weights and all that was on the GPU "
        "at the time, methods loaded beside it included; of several GPUs, on the one that had the most in use.",
    ),
)
# Columns that only some boards have.
OPTIONAL = ("p", "Pointing", "Deletion, Insertion", "Concept right", "N/A", "Seconds", "GPU GB")


def explained(used: set[str]) -> list[tuple[str, str]]:
    """Names and meaning of the columns that a board has, ``used``."""
    return [
        (names, meaning)
        for names, meaning in COLUMNS
        if names not in OPTIONAL or not used.isdisjoint(names.split(", "))
    ]


CAUTIONS = (
    "An interval says what other images of the same kind would give, not other data sets, models or seeds. "
    "Below some thirty images it is too narrow, and where every record scores alike it has no width at all. "
    "Images of one patient are taken as independent.",
    "Methods whose intervals overlap may still differ: p compares them record by record.",
    "A rank holds for these records only. Boards of another benchmark hash, subset or seed do not compare, "
    "nor do the two modes, nor an attributor without a rank with those that have one.",
    "Each model has its own records, those that passed its causal filter: read a model's column to compare "
    "methods, not a line to compare models.",
    "The true boxes are annotations. Editing them changed the answer, but not every pixel in them need "
    "matter: a method that is right but finer than the box loses recall and IoU, and one that marks much "
    "gains recall for nothing.",
    "A saliency map is judged by the boxes that one fixed rule makes of it, not by its values.",
    "Passes are not seconds; batches, image sizes and what a method computes outside the model are not in "
    "them.",
    "Nothing here says whether a model is right, or fit for clinical use.",
)
