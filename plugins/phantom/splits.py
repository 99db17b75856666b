"""Which patients serve which purpose: ranges of seeds that never meet."""

TRAIN = range(1_000_000, 2_000_000)  # the embedded models learn from these
DEVELOP = range(2_000_000, 3_000_000)  # training is watched on these
TEST = range(3_000_000, 4_000_000)  # accuracies are reported on these
POOL = range(4_000_000, 4_000_016)  # normal references for MedFocus
BENCH = range(5_000_000, 6_000_000)  # the phantom benchmark

# The second edition's.
TRAIN2 = range(11_000_000, 12_000_000)
DEVELOP2 = range(12_000_000, 13_000_000)
TEST2 = range(13_000_000, 14_000_000)
POOL2 = range(14_000_000, 14_000_016)
BENCH2 = range(15_000_000, 16_000_000)
