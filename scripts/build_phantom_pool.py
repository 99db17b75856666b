"""Write MedFocus's pool of 16 normal phantoms with the exact masks of the eleven concepts.

``python -m scripts.build_phantom_pool`` writes the file that ships; the same seeds give the same bytes.
"""

from __future__ import annotations

import numpy as np

from harness.geometry import FRAME_SIDE
from harness.images import letterbox
from plugins.attributors.medfocus.medfocus import DEFAULT_POOL
from plugins.phantom import splits
from plugins.phantom.patient import normal_patient
from plugins.phantom.render import Film
from plugins.phantom.vocabulary import CONCEPTS


def main() -> None:
    """Render, letterbox, pack."""
    images, masks = [], []
    for seed in splits.POOL:
        film = Film(normal_patient(seed))
        images.append(letterbox(film.image(), FRAME_SIDE)[0][..., 0])
        exact = film.anatomy.masks()
        grey = [np.repeat(exact[name][..., None].astype(np.uint8) * 255, 3, axis=2) for name in CONCEPTS]
        masks.append([letterbox(mask, FRAME_SIDE)[0][..., 0] > 127 for mask in grey])
    DEFAULT_POOL.parent.mkdir(exist_ok=True)
    seeds = f"{splits.POOL.start} to {splits.POOL.stop - 1}"
    np.savez_compressed(
        DEFAULT_POOL,
        images=np.stack(images),
        masks=np.packbits(np.array(masks)),
        concepts=np.array(CONCEPTS),
        origin=np.array(f"{len(images)} normal phantoms, seeds {seeds}"),
    )
    print(f"{DEFAULT_POOL}: {len(images)} references, {DEFAULT_POOL.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
