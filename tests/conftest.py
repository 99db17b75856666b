"""No test reads or writes the user's cache, unless it says where else it is."""

import os

os.environ["HARNESS_CACHE"] = "off"
