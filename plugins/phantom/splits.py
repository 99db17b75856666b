"""Which patients serve which purpose: ranges of seeds that never meet."""

TRAIN = range(11_000_000, 12_000_000)  # the embedded models learn from these, and priors are fitted on them
DEVELOP = range(12_000_000, 13_000_000)  # training is watched on these
TEST = range(13_000_000, 14_000_000)  # accuracies are reported on these
POOL = range(14_000_000, 14_000_016)  # normal references for MedFocus
BENCH = range(15_000_000, 16_000_000)  # the phantom benchmarks
