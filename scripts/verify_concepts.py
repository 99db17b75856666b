"""Are the phantoms' acceptable concepts the ones that the embedded models use?

``python -m scripts.verify_concepts`` blackens the exact mask of each concept, or pair of concepts, on every eighth
direct record of either model. It prints in what share of the records the one whose loss costs the answer most is
acceptable, and one of the two that cost most; beside it what chance gives, and the acceptable names of another record.
"""

from __future__ import annotations

import numpy as np

from harness import Registry
from harness.bench.records import read_records
from harness.contracts.mode import question
from harness.imaging.read import letterbox, letterbox_mask
from plugins.phantom.film import truth
from plugins.phantom.truth import PAIRS
from plugins.sources.phantom import BENCH, Phantom


def main() -> None:
    """Hide, score, count, print."""
    registry, source = Registry.discover(), Phantom()
    samples, records = list(source.samples()), read_records(BENCH, ["direct"])["direct"]
    for name in sorted({record.model for record in records}):
        model = registry.find("model", name)()
        model.load()
        first, chance, accepted = [], [], []
        for record in [record for record in records if record.model == name][::8]:
            sample = samples[record.index]
            frame, _ = letterbox(source.image(sample))
            masks = truth(sample.image).masks
            masks = masks | {pair: masks[a] | masks[b] for pair, (a, b) in PAIRS.items() if a in masks and b in masks}
            names = sorted(masks)
            hidden = [np.where((letterbox_mask(masks[one]) > 127)[..., None], 0, frame) for one in names]
            scores = model.score(np.stack([frame, *hidden]), question(sample.attribute, "direct"), record.prediction)
            drops = scores[0].sum() - scores[1:].sum(1)
            first.append([names[k] for k in np.argsort(-drops)[:2]])
            accepted.append(set(sample.concepts))
            chance.append(len(accepted[-1] & set(names)) / len(names))
        hit = np.mean([one[0] in good for one, good in zip(first, accepted, strict=True)])
        near = np.mean([bool(good & set(one)) for one, good in zip(first, accepted, strict=True)])
        other = np.mean([one[0] in good for one, good in zip(first, accepted[1:] + accepted[:1], strict=True)])
        print(
            f"{name}, {len(first)} records: the concept whose loss costs most is acceptable in {100 * hit:.0f}%, one "
            f"of the two that cost most in {100 * near:.0f}%; by chance {100 * np.mean(chance):.0f}%, by another "
            f"record's names {100 * other:.0f}%"
        )


if __name__ == "__main__":
    main()
