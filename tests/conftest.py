"""No test reads or writes the user's cache, unless it says where else it is, and none asks the network for weights."""

import os

# Workers of pytest-xdist share the cores: many threads of each would wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# Before anything else is imported: huggingface_hub reads its variables once. Processes that tests start have them too.
os.environ["HARNESS_CACHE"] = "off"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
