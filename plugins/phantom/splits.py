"""Which patients serve which purpose: ranges of seeds that never meet."""

TRAIN = range(1_000_000, 2_000_000)  # the embedded models learn from these
DEVELOP = range(2_000_000, 3_000_000)  # training is watched on these
TEST = range(3_000_000, 4_000_000)  # accuracies are reported on these
POOL = range(4_000_000, 4_000_016)  # normal references for MedFocus
BENCH = range(5_000_000, 6_000_000)  # the phantom benchmark
