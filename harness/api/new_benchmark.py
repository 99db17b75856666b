"""``harness.build``: make a benchmark anew."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.api.given import Given, Item, as_settings, label_of, labels, signature_with
from harness.building.settings import BuildSettings
from harness.flags import prepare
from harness.registry import Registry

if TYPE_CHECKING:
    from rich.console import Console

    from harness.building.benchmark import Built


def build(
    models: Given = (),
    sources: Given = (),
    editor: Item | None = None,
    *,
    registry: Registry | None = None,
    console: Console | None = None,
    **settings: Any,
) -> Built:
    """Make a benchmark anew: ``harness build`` as a function, with the same settings and defaults.

    Parameters
    ----------
    models, sources
        Names, classes of your own, or plugins in memory; one or a list. No sources for all that the data root can
        serve, or, without one, those that need no data; no models for those of the benchmarks that the sources ship.
    editor
        Likewise; None for the one that each source prefers.
    registry
        The plugins to choose from; None for the installed ones.
    console
        Where progress and the tables are printed; None for stdout.
    **settings
        All other fields of :class:`harness.building.settings.BuildSettings`, as ``modes``, ``data_root``, ``limit``,
        ``controls``, ``edits``; ``options`` may be a dictionary.

    Returns
    -------
    Built
        How the build ended: the folder, and how many questions were asked, survived and failed.

    Raises
    ------
    HarnessError
        For what can be put right: unknown names, bad options, missing files.
    """
    from harness.building.benchmark import make_benchmark

    registry = registry if registry is not None else Registry.discover()
    values = as_settings(settings)
    chosen = BuildSettings.of(
        {
            "models": labels(registry, "model", models),
            "sources": labels(registry, "source", sources),
            "editor": None if editor is None else label_of(registry, "editor", editor),
            **values,
        }
    )
    prepare(chosen.threads)
    return make_benchmark(registry, chosen, console)


build.__signature__ = signature_with(build, BuildSettings)  # type: ignore[attr-defined]
