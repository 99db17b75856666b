"""What the columns of a published board mean, and what its figures do not say."""

from __future__ import annotations

from harness.run.header import MetricFacts
from harness.run.noise import FORMAT_NOISE
from harness.sanity.report import NOT_PASSED, PASS_MARK, PASSED
from harness.text import plain
from leaderboard.board import Board
from leaderboard.render.cell_text import WORSE, figure
from leaderboard.render.columns import headings, wide_columns
from leaderboard.statistics.ranking import ALPHA

_MEANINGS = {
    "Attributor": "the method, by its label; Provenance says which plugin it is, of which version, with which options. "
    "Methods that are one by algebra, and gave the same boxes, stand in one line and are tested once.",
    "Whole image": "for how many records the method chose no region and returned the whole image.",
    "Empty": "for how many of those that did not fail the method marked nothing: its map gave no box, or it gave "
    "none. That counts as its figures say, mostly zero.",
    "Flat": "for how many of those that did not fail the method's map was rounding: its values within the image differ "
    f"by at most {FORMAT_NOISE * 1e6:g} millionth of the largest or, in a run with --noise, by no more than the map "
    "changes when the model rounds otherwise. Boxes of such a map are noise.",
    "Sanity": "the rank correlation of the method's map with its map once all weights of the model are shuffled "
    f"(`harness sanity`; arXiv 1810.03292), the mean over records; boxes count as 0/1 maps. {PASSED}: on each model it "
    f"lies between -{PASS_MARK} and {PASS_MARK}, so that what was learnt decides more of the map than all else. A "
    f"control that does not read the model has 1 and does not pass ({NOT_PASSED}).",
    "Records": "on how many records the method was tried, failed ones included.",
    "N/A": "how many further records the method cannot explain, because the model does not offer what it needs, or the "
    "method can say nothing on it; they count in no mean.",
    "Passes": "images sent forward (+ backward) through the model for a record, the mean over records that did not "
    "fail. Passes that methods share are charged to each.",
    "Seconds": "wall-clock time of a record that did not fail, the mean, on the device that Provenance names. A pass "
    "that methods share is in the time of the first that asks for it, and what a method has kept from earlier runs is "
    "in nobody's: for its full time, run with --cache off.",
    "GPU GB": "the most GPU memory that one record took, in 10^9 bytes, with the model's weights and all that was on "
    "the GPU at the time, methods loaded beside it included; of several GPUs, on the one that had the most in use.",
}


def means_and_intervals(board: Board) -> str:
    """What is the same for all metrics."""
    title = headings(board.measures)[board.measures.ranked_by]
    return (
        "A metric's figure is the mean over records. A record is one model's answer about one sample; overall is the "
        "mean over the records of all models, so a model with more records weighs more. A failed record counts as "
        f"{board.worst}. A dash stands where a method says nothing that the metric measures, or no run measured it. In "
        f"brackets after {title}: the 95% interval (BCa bootstrap, 10,000 draws of whole images with all their "
        "records); the CSV and JSON have those of the other metrics."
    )


def legend(board: Board) -> list[tuple[str, str]]:
    """What each column of the board's documents is called, and means."""
    measures = board.measures
    title = headings(measures)[measures.ranked_by]
    meanings = {
        **_MEANINGS,
        "#": f"rank by {title} over all records of the mode; equal figures share a rank.",
        "Gain": f"by how much its mean {title} is better than that of the strongest control (a method that does not "
        f"look at the model), over the records that both have, with its 95% interval: {_over(board)}. One that gains "
        "nothing has read nothing off the image.",
        "p": f"whether its mean {title} differs from that of the best in the ranking: a two-sided bootstrap-t test "
        "of the mean difference, paired by record, with whole images drawn, adjusted by Holm over all pairs of methods "
        "(the best is chosen by the same data). Where < stands before it, it is the least that so many images and "
        f"draws could show, and no value. {WORSE} beside the {title} marks p below {ALPHA}.",
        "Failed": f"how many of them the method failed on; each counts as {board.worst} in every mean but those of "
        "passes and seconds.",
    }
    columns = [column for ranking in board.rankings for column in wide_columns(ranking)]
    order: dict[str, str | None] = {}
    for column in columns:
        if column.term:
            order.setdefault(column.term, None)
            order[column.term] = order[column.term] or column.metric
    return [(term, _metric(measures.facts[metric]) if metric else meanings[term]) for term, metric in order.items()]


def _over(board: Board) -> str:
    """Which control is the strongest, by mode."""
    found = {
        ranking.mode: next((score.over for score in ranking.scores if score.over), None) for ranking in board.rankings
    }
    return "; ".join(f"{mode} over {plain(name)}" for mode, name in found.items() if name)


def _metric(facts: MetricFacts) -> str:
    """The metric's own sentence, and what the board adds to it."""
    worst = f" A failed record counts as {figure(facts.worst, facts, brief=True)}." if facts.worst else ""
    return f"{plain(facts.legend)}{worst}"


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
    "matter: a method that is right but finer than the box leaves a part of it uncovered, and one that marks "
    "much covers it for nothing.",
    "Metrics of boxes judge a saliency map by the boxes that one fixed rule makes of it, not by its values.",
    "Passes are not seconds; batches, image sizes and what a method computes outside the model are not in them.",
    "Nothing here says whether a model is right, or fit for clinical use.",
)
