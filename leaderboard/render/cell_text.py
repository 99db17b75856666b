"""What the cells of a leaderboard say, in all its forms."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor

from harness.run.header import MetricFacts
from harness.sanity.report import NOT_PASSED, PASSED
from harness.text import plain
from leaderboard.statistics.ranking import ALPHA, Measures, Score

NOTHING, WORSE = "–", "†"


def figure(value: float | None, facts: MetricFacts, brief: bool = False) -> str:
    """A metric's figure: in percent, or as a plain number. ``brief``: with fewer digits."""
    if not facts.percent:
        return number(value, brief)
    return percent(value, 0 if brief else 1)


def percent(value: float | None, decimals: int = 1) -> str:
    """A part of 1, times 100."""
    return NOTHING if value is None else f"{100 * value:.{decimals}f}"


def number(value: float | None, brief: bool = False) -> str:
    """A number of any size with three or four digits, or one or two less where it is to be ``brief``."""
    if value is None:
        return NOTHING
    size = abs(value)
    if size >= 1e6 or 0 < size < 1e-3:
        return f"{value:.{0 if brief else 2}e}"
    decimals = (3 if size < 10 else 1 if size < 1000 else 0) - (2 if brief else 0)
    return f"{value:.{max(decimals, 0)}f}"


def figure_with_interval(score: Score, measures: Measures, brief: bool = False, mark: bool = False) -> str:
    """The mean of the metric that ranks, with its interval; ``mark`` those that are worse than the best beyond
    chance."""
    shown = figure(score.means[measures.ranked_by], measures.ranking, brief)
    dagger = WORSE if mark and score.p is not None and score.p < ALPHA else ""
    ends = f" ({interval(score, measures, brief)})" if measures.ranked_by in score.intervals else ""
    return f"{shown}{dagger}{ends}"


def interval(score: Score, measures: Measures, brief: bool = False) -> str:
    """The interval of the mean of the metric that ranks."""
    ends = score.intervals.get(measures.ranked_by)
    return NOTHING if ends is None else "–".join(figure(end, measures.ranking, brief) for end in ends)


def gain(score: Score, measures: Measures) -> str:
    """What it gains over the strongest control, with its interval."""
    if score.gain is None:
        return NOTHING
    shown = [signed(edge, measures.ranking) for edge in (score.gain, *(score.gain_interval or ()))]
    return shown[0] if len(shown) == 1 else f"{shown[0]} ({shown[1]} to {shown[2]})"


def signed(value: float, facts: MetricFacts) -> str:
    """A difference of figures, with its sign."""
    return ("+" if value > 0 else "") + figure(value, facts).replace("-", "−")


def p_value(score: Score) -> str:
    """The adjusted p of a comparison with the best. What no number of draws made could have shown is a bound."""
    if score.p is None:
        return NOTHING
    if score.p_floor is not None and score.p <= score.p_floor < 1:
        return f"<{max(0.001, floor(1000 * score.p_floor + 1) / 1000):.3f}"
    return "<0.001" if score.p < 0.001 else f"{score.p:.3f}"


def place(score: Score) -> str:
    """A place, or nothing."""
    return NOTHING if score.rank is None else str(score.rank)


def passes(score: Score) -> str:
    """Images forward, and backward where there are any."""
    if score.forward is None or score.backward is None:
        return NOTHING
    return f"{_count(score.forward)}+{_count(score.backward)}" if score.backward else _count(score.forward)


def seconds(score: Score) -> str:
    """Seconds with two digits."""
    value = score.seconds
    return NOTHING if value is None else f"{value:.2g}" if value < 10 else f"{value:.0f}"


def gigabytes(score: Score) -> str:
    """GPU memory in 10^9 bytes."""
    return NOTHING if score.gpu_bytes is None else f"{score.gpu_bytes / 1e9:.1f}"


def sanity(score: Score) -> str:
    """The correlation under shuffled weights, and whether it passes."""
    if score.sanity is None:
        return NOTHING
    return f"{score.sanity:.2f} {PASSED if score.sane else NOT_PASSED}".replace("-0.00", "0.00")


def in_percent(measures: Measures, metrics: Iterable[str]) -> str:
    """``in percent``, and which of the metrics are not."""
    others = ", ".join(plain(measures.facts[name].title) for name in metrics if not measures.facts[name].percent)
    return f"in percent but for {others}" if others else "in percent"


def _count(value: float) -> str:
    return f"{value:.0f}" if value == round(value) or value >= 10 else f"{value:.1f}"
