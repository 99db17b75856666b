"""The contract of a metric: one number that says how good one explanation is."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from harness.contracts.explained import Explained
from harness.contracts.plugin import Plugin

Need = Literal["boxes", "map", "mask", "model"]


class Metric(Plugin):
    """A metric. A board shows it as a column, with an interval, and explains it in its legend.

    Subclasses set, besides ``name``:

    Attributes
    ----------
    title
        The column's heading, a word or two.
    legend
        One sentence that says what the figure is and which way is better.
    higher_is_better
        Whether more is better.
    worst
        What a failed result counts as.
    percent
        Whether boards show it times 100.
    needs
        What it measures from: the result's ``boxes`` (which, like its peak and concept, a journal has), its ``map``
        (:attr:`Explained.heat`), the source's true ``mask``, the ``model`` (:attr:`Explained.case`). A result whose
        source or model does not offer that has no such figure.
    wants
        What it uses where it is there, and does without elsewhere: a mask.
    default
        Whether a run that names no metric measures it too.
    """

    title: ClassVar[str]
    legend: ClassVar[str]
    higher_is_better: ClassVar[bool] = True
    worst: ClassVar[float] = 0.0
    percent: ClassVar[bool] = True
    needs: ClassVar[frozenset[Need]] = frozenset({"boxes"})
    wants: ClassVar[frozenset[Need]] = frozenset()

    def applies(self, explained: Explained) -> bool:
        """Whether the truth of a record is known well enough; results about others have no such figure.

        Asked of failed results too, of which only the truth can be relied on.
        """
        return True

    @abstractmethod
    def measure(self, explained: Explained) -> float | None:
        """The figure of one result that did not fail.

        Parameters
        ----------
        explained
            The result, beside the truth.

        Returns
        -------
        float or None
            A finite number. None where the method says nothing that could be measured, as a method without concepts
            does to a metric of concepts: it counts as the worst if the method says such a thing of other records,
            and the method has no figure if it never does.

        Raises
        ------
        Exception
            Any: the result then lacks this figure, which the board says.
        """
