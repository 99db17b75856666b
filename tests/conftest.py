"""No test reads or writes the user's cache, unless it says where else it is, and none asks the network for weights."""

import os

# Before anything else is imported: huggingface_hub reads its variables once. Processes that tests start have them too.
os.environ["HARNESS_CACHE"] = "off"
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
