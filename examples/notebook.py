"""Rate two methods on 24 records, look at the figures by finding, and look at one explanation.

The cells (`# %%`) run one by one in VS Code or Spyder, and in Jupyter by jupytext. As a program,
`python examples/notebook.py`, it runs them all and prints what a notebook would show.
"""

# %% Rate two methods on 24 of the embedded benchmark's records. The same call again goes on where it stopped.
import os
from pathlib import Path

import harness

FOLDER = Path(os.environ.get("NOTEBOOK_FOLDER", "notebook-results"))
LIMIT = int(os.environ.get("NOTEBOOK_LIMIT", "24"))

run = harness.evaluate(["medfocus", "occlusion"], limit=LIMIT, output=FOLDER)
print(run.board())  # in a notebook, `run` alone shows the tables

# %% A row a (record, attributor): the mean IoU of each finding, in percent, and how many records it is over.
rows = run.to_pandas()
rows["finding"] = rows["attribute"].str.replace(r"^(left|right) ", "", regex=True)
by_finding = rows.pivot_table(index="finding", columns="attributor", values="iou").mul(100).round(1)
by_finding["records"] = rows.groupby("finding").size() // rows["attributor"].nunique()
print(by_finding.sort_values("medfocus", ascending=False))

# %% One answer explained. The model stays in memory for the next question.
model = harness.load_model()
explanation = harness.explain(
    Path(__file__).parents[1] / "docs" / "chest.png",
    "Is there evidence of pleural effusion in the image? Think step by step and answer with yes or no.",
    model=model,
)
print(explanation)  # in a notebook, `explanation` alone shows the picture
explanation.save(FOLDER / "explanation.png")


# %% A method of your own: a class is enough. No distribution, no entry point.
class Darkness(harness.Attributor):
    """Points at whatever is dark."""

    name = "darkness"
    needs = frozenset[harness.Capability]()

    def attribute(self, case: harness.Case) -> harness.Attribution:
        """The darker a pixel, the higher its value."""
        return harness.Attribution(saliency=255.0 - case.image.mean(axis=2))


mine = harness.evaluate([Darkness, "random"], limit=LIMIT, output=FOLDER / "mine")
print(mine.board())
