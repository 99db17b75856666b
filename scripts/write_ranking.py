"""Put the figures of the shipped boards into the README: its table, and what it says of them.

``python -m scripts.write_ranking`` writes what stands between ``<!-- ranking -->`` and ``<!-- end -->`` anew from
leaderboard/phantom.json and planted.json; a test compares. A sentence that would no longer be true stops it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MODES = ("direct", "reasoning")
BEGIN, END = "<!-- ranking -->\n", "<!-- end -->\n"
OWN = "medfocus-zoom"
LAST_LAYER = ("gradcam", "gradcam++", "grad-weighted-attention", "attention-head")
SEEING = (OWN, "occlusion", "rise", "gradient-norm", "attnlrp")

Scores = dict[str, dict[str, dict[str, Any]]]
"""By mode and method, a line of a board as its JSON has it."""


def read(name: str) -> Scores:
    """A shipped board."""
    found = json.loads((ROOT / "leaderboard" / f"{name}.json").read_text(encoding="utf-8"))
    return {
        ranking["mode"]: {score["attributor"]: score for score in ranking["scores"]} for ranking in found["rankings"]
    }


def percent(score: dict[str, Any], metric: str = "iou") -> str:
    """A mean in percent; a dash where there is none."""
    value = score["means"].get(metric)
    return "–" if value is None else f"{100 * value:.1f}"


def both(board: Scores, name: str, metric: str = "iou") -> str:
    """A method's means in both modes."""
    direct, reasoning = (percent(board[mode][name], metric) for mode in MODES)
    return direct if direct == reasoning else f"{direct} and {reasoning}"


def value(board: Scores, mode: str, name: str, metric: str = "iou") -> float:
    """A method's mean, 0 where it has none."""
    return float(board[mode][name]["means"].get(metric) or 0)


def table(board: Scores, planted: Scores) -> Iterator[str]:
    """The ranking of the methods, by the mean of both modes."""
    heads = ["method", "IoU direct, %", "reasoning", "beyond the strongest control", "AP, %", "concept right", "fooled"]
    yield f"| {' | '.join(heads)} | passes |"
    yield f"| --- |{' ---: |' * len(heads)}"
    for name in sorted(board["direct"], key=lambda name: -sum(value(board, mode, name) for mode in MODES)):
        lines = [board[mode][name] for mode in MODES]
        cells = [percent(line) for line in lines]
        cells.append(", ".join(map(gain, lines)) if lines[0].get("gain") is not None else "")
        for metric in ("average-precision", "concept"):
            told = [percent(line, metric) for line in lines]
            cells.append("" if set(told) == {"–"} else ", ".join(told))
        fooled = [percent(planted[mode][name], "fooled") for mode in MODES if name in planted[mode]]
        cells += [", ".join(fooled), f"{lines[0]['forward'] + lines[0]['backward']:.0f}"]
        yield f"| `{name}` | {' | '.join(cells)} |"


def gain(score: dict[str, Any]) -> str:
    """What a method gains over the strongest control; a star where the interval leaves out zero."""
    low, high = score["gain_interval"]
    return f"{100 * score['gain']:+.1f}{'*' if low > 0 or high < 0 else ''}".replace("-", "−")


def statements(board: Scores, planted: Scores) -> Iterator[str]:
    """What the figures say. Raises ``AssertionError`` where they do not."""
    others = {mode: [name for name in board[mode] if name != OWN] for mode in MODES}
    best = {mode: max(others[mode], key=lambda name: value(board, mode, name)) for mode in MODES}
    for mode in MODES:
        assert board[mode][OWN]["rank"] == 1
        assert all((board[mode][name]["p"] or 0) < 0.05 for name in others[mode]), mode
    second = " and ".join(dict.fromkeys(f"`{best[mode]}`" for mode in MODES))
    figures = " and ".join(percent(board[mode][best[mode]]) for mode in MODES)
    yield (
        f"`{OWN}`, ours, marks the cause best: {both(board, OWN)}% mean IoU for direct and reasoning answers, where "
        f"the next, {second}, have {figures} (p < 0.05 against every method and control, in either mode). It names a "
        f"right concept in {both(board, OWN, 'concept')}%."
    )
    yield (
        f"**Whoever has looked at nothing** has {both(board, 'body-prior')}% (`body-prior`: the attribute's best "
        f"constant box, put where this body's pose has it) or {both(board, 'question-prior')}% (`question-prior`): "
        "organs lie where they lie. Read a method by what it gains over them, and by kind of finding."
    )
    yield f"By average precision, which needs no boxes, the first three are: {'; '.join(first_three(board))}."
    yield (
        f"**The paper's MedFocus** has {both(board, 'medfocus')}%: a region of the body is many times a small finding. "
        f"Against boxes of *regions*, as Chest ImaGenome annotates, it has {both(board, 'medfocus', 'iou-region')}% "
        f"and `medfocus-consensus` {both(board, 'medfocus-consensus', 'iou-region')}%: what annotators box decides "
        "that ranking."
    )
    seeing = [name for name in SEEING if name in planted["direct"]]
    most = max(value(planted, mode, name, "fooled") for mode in MODES for name in seeing)
    assert most < 0.2 < 0.5 < min(value(planted, mode, "question-prior", "fooled") for mode in MODES)
    yield (
        "**Planted causes**: where the model answers by a mark on the film and not by the lesion beside it, "
        f"{OWN} is fooled in {both(planted, OWN, 'fooled')}% of the answers, "
        f"{', '.join(f'`{name}`' for name in seeing if name != OWN)} in at most {100 * most:.0f}, and who knows only "
        f"the question in {both(planted, 'question-prior', 'fooled')} ([planted board](leaderboard/planted.md))."
    )
    more = max(value(board, mode, n) - value(board, mode, "whole-image") for mode in MODES for n in LAST_LAYER)
    assert more < 0.06
    yield (
        f"{', '.join(f'`{name}`' for name in LAST_LAYER)} look at the last layer and are at most {100 * more:.1f} "
        "points better than a box about the whole image: the models read the image earlier "
        "(`python -m scripts.reading_layers`)."
    )


def first_three(board: Scores) -> Iterator[str]:
    """By mode the three methods of the highest average precision. Raises ``AssertionError`` where ours is none."""
    metric = "average-precision"
    for mode in MODES:
        names = sorted(board[mode], key=lambda name: -value(board, mode, name, metric))[:3]
        assert OWN in names, names
        told = [f"`{name}` {percent(board[mode][name], metric)}" for name in names]
        yield f"{mode} {', '.join(told)}"


def written(page: str) -> str:
    """A page with the block written anew."""
    board, planted = read("phantom"), read("planted")
    head, _, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not end:
        raise SystemExit(f"The page has no {BEGIN.strip()} with an {END.strip()} after it.")
    lines = [*table(board, planted), "", *(f"- {line}" for line in statements(board, planted))]
    return f"{head}{BEGIN}\n{chr(10).join(lines)}\n\n{END}{tail}"


def main() -> None:
    """Write the README anew."""
    path = ROOT / "README.md"
    path.write_text(written(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
