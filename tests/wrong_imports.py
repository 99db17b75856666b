"""Plugins that are right but for their module, which imports a library that takes long and that not everybody has."""

from __future__ import annotations

import matplotlib  # noqa: F401  # that is the fault
import wrong_attributors
import wrong_editors
import wrong_executors
import wrong_metrics
import wrong_models
import wrong_observers
import wrong_sources


class HeavyAttributor(wrong_attributors.Right):
    """Explains."""


class HeavyEditor(wrong_editors.Paint):
    """Edits."""


class HeavyExecutor(wrong_executors.Right):
    """Executes."""


class HeavyMetric(wrong_metrics.Right):
    """Measures."""


class HeavyModel(wrong_models.BlackBox):
    """Answers."""


class HeavyObserver(wrong_observers.Right):
    """Observes."""


class HeavySource(wrong_sources.Squares):
    """Yields samples."""
