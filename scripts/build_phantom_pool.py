"""Write MedFocus's pool of 16 normal phantoms with the exact masks of the eleven concepts.

``python -m scripts.build_phantom_pool`` writes the file that ships; the same seeds give the same bytes.
"""

from __future__ import annotations

import numpy as np

from harness.imaging.read import letterbox, letterbox_mask
from plugins.attributors.medfocus.concepts import CONCEPTS
from plugins.attributors.medfocus.references import DEFAULT_POOL, Pool, save_pool
from plugins.phantom import splits
from plugins.phantom.population import healthy
from plugins.phantom.radiograph import Radiograph


def main() -> None:
    """Render, letterbox, pack."""
    images, masks = [], []
    for seed in splits.POOL:
        film = Radiograph(healthy(seed))
        images.append(letterbox(film.image())[0][..., 0])
        exact = film.anatomy.masks()
        masks.append([letterbox_mask(exact[name]) > 127 for name in CONCEPTS])
    seeds = f"{splits.POOL.start} to {splits.POOL.stop - 1}"
    origin = f"{len(images)} normal phantoms, seeds {seeds}"
    DEFAULT_POOL.parent.mkdir(exist_ok=True)
    save_pool(Pool(np.stack(images), np.array(masks), origin), DEFAULT_POOL)
    print(f"{DEFAULT_POOL}: {len(images)} references, {DEFAULT_POOL.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
