"""The commands as functions for scripts and notebooks: ``evaluate``, ``explain``, ``build`` and what they give.

Plugins are given by name, or as classes of your own that no distribution has to install. Names are looked up among
the installed plugins. Options are those of ``-o``: ``["medfocus.tau=0.5"]`` or ``{"medfocus.tau": 0.5}``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness import options as plugin_options
from harness.contracts.attributor import Attributor
from harness.contracts.editor import Editor
from harness.contracts.mode import MODES, Mode
from harness.contracts.model import Model
from harness.contracts.plugin import Plugin
from harness.contracts.source import Source
from harness.defaults import default_model
from harness.errors import HarnessError
from harness.explaining.explanation import Explanation, check_capabilities
from harness.flags import prepare
from harness.participants import load
from harness.registry import KINDS, Kind, Registry
from harness.run.settings import RunSettings
from harness.settings import Settings

if TYPE_CHECKING:
    import pandas
    from PIL.Image import Image
    from rich.console import Console

    from harness.building.benchmark import Built
    from harness.run.header import Header
    from harness.run.row import Row

Options = Sequence[str] | Mapping[str, Any]
Item = str | type[Plugin] | Plugin
Given = Item | Sequence[Item] | Mapping[str, Item]
_LISTS = ("modes", "metrics", "observers")


@dataclass(frozen=True, repr=False, eq=False)
class Evaluation:
    """A run of :func:`evaluate`, finished or interrupted, with the results of earlier starts of the same run.

    A notebook shows it as the leaderboard.

    Attributes
    ----------
    folder
        Where the journal is.
    header
        What the run depends on.
    rows
        A :class:`harness.run.row.Row` for each (record, attributor).
    total
        How many rows there are when the run is finished.
    interrupted
        Whether it was ended by Ctrl-C.
    registry
        The plugins that it chose from.
    """

    folder: Path
    header: Header
    rows: list[Row]
    total: int
    interrupted: bool
    registry: Registry

    @property
    def failed(self) -> int:
        """How many results failed; each counts as the worst."""
        return sum(row.status == "failed" for row in self.rows)

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with a line a row, and a column for each metric. Figures are missing where there are none."""
        import pandas

        from harness.run.results import as_dict

        return pandas.DataFrame([as_dict(row) for row in self.rows])

    def board(self) -> Any:
        """The leaderboard of the run; it shows itself in a notebook and by ``print``.

        Raises ``HarnessError`` where nothing is finished, or no plugin makes leaderboards.
        """
        return self.registry.board([self.folder])

    def __repr__(self) -> str:
        ended = ", interrupted" if self.interrupted else ""
        return f"<Evaluation in {self.folder}: {len(self.rows)} of {self.total} results, {self.failed} failed{ended}>"

    def _repr_html_(self) -> str | None:
        """What a notebook shows; None for the plain text."""
        try:
            shown: str | None = self.board()._repr_html_()
        except (HarnessError, AttributeError):
            return None
        return shown


def evaluate(
    attributors: Given = [],  # noqa: B006
    models: Given = [],  # noqa: B006
    *,
    registry: Registry | None = None,
    console: Console | None = None,
    **settings: Any,
) -> Evaluation:
    """Rate attribution methods on a benchmark: ``harness eval`` as a function, with the same settings and defaults.

    Parameters
    ----------
    attributors, models
        Names (or ``NAME@VARIANT``), classes of your own, or plugins in memory; one, a list, or a dictionary from
        ``NAME@VARIANT`` to class or plugin. No models for all that the benchmark has records of.
    registry
        The plugins to choose from; None for the installed ones.
    console
        Where progress and the tables are printed; None for progress alone, on stderr.
    **settings
        All other fields of :class:`harness.run.settings.RunSettings`, as ``modes``, ``bench``, ``limit``, ``shard``,
        ``executor``; ``options`` may be a dictionary, ``{"medfocus.tau": 0.5}``.

    Returns
    -------
    Evaluation
        The run, with all its rows.

    Raises
    ------
    HarnessError
        For what can be put right: unknown names, bad options, missing files.

    Notes
    -----
    The provenance of a class that is not installed is a digest of its source text, so that a class that you edited
    does not go on with the results of its former self. Functions outside the class are not part of it.
    """
    from rich.console import Console

    from harness.run import loop
    from harness.run.results import read_results

    registry = registry if registry is not None else Registry.discover()
    values = {name: [value] if name in _LISTS and isinstance(value, str) else value for name, value in settings.items()}
    if "options" in values:
        values["options"] = _assignments(settings["options"])
    for name in ("metrics", "observers", "executor"):
        if name in values and values[name] is not None:
            given = _labels(registry, name.removesuffix("s"), values[name])  # type: ignore[arg-type]
            values[name] = given[0] if name == "executor" else given
    chosen = RunSettings.of(
        {
            "attributors": _labels(registry, "attributor", attributors),
            "models": _labels(registry, "model", models),
            **values,
        }
    )
    prepare(chosen.threads, chosen.cache)
    ended = loop.run(registry, chosen, console or Console(stderr=True))
    if ended.finished:  # plugins write their reports, beside the journal
        registry.run_finished(ended.folder, console or Console(quiet=True))
    results = read_results(ended.folder)
    return Evaluation(ended.folder, results.header, results.rows, ended.total, ended.interrupted, registry)


def _signature(function: Callable[..., Any], cls: type[Settings]) -> inspect.Signature:
    """A function's signature with the settings in place of ``**settings``, for help and completion."""
    own = inspect.signature(function)
    kept = [one for one in own.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=info.default, annotation=info.annotation)
        for name, info in cls.model_fields.items()
        if name not in own.parameters
    ]
    return own.replace(parameters=[*kept, *more])


evaluate.__signature__ = _signature(evaluate, RunSettings)  # type: ignore[attr-defined]


def explain(
    image: str | Path | np.ndarray | Image,
    question: str,
    model: str | type[Model] | Model | None = None,
    attributor: str | type[Attributor] | Attributor | None = None,
    *,
    answer: str | None = None,
    options: Options = (),
    seed: int = 0,
    registry: Registry | None = None,
) -> Explanation:
    """Explain one answer about one image: ``harness explain`` as a function. A notebook shows the result as a picture.

    ``image``: a PNG, JPEG or DICOM file, a PIL image, or uint8 [height, width] or [height, width, 3]. ``question``
    is asked as it is. ``model``: a name, a class, or what :func:`load_model` gave, which spares loading it for every
    call; None for the embedded one. ``attributor``: likewise; None for the one that declares itself default.
    ``answer``: the text to explain; the model's own where None. ``options`` are for plugins given by name or
    class; one that is loaded already has its own.

    Raises ``HarnessError`` where the image cannot be read, the model lacks what the attributor needs, and where
    either fails.
    """
    from harness.explaining import explanation

    for what, text in (("question", question), ("answer", answer)):
        if text is not None and not text.strip():
            raise HarnessError(f"The {what} is empty.")
    registry = registry if registry is not None else Registry.discover()
    if model is None:
        model = default_model(registry)
    if attributor is None:
        attributor = registry.default("attributor")
    method = attributor if isinstance(attributor, Attributor) else _find(registry, "attributor", attributor)
    network = model if isinstance(model, Model) else _find(registry, "model", model)
    check_capabilities(method, network, answer_given=answer is not None)
    pixels = _pixels(image)
    classes = [plugin for plugin in (method, network) if isinstance(plugin, type)]
    chosen = plugin_options.for_plugins(_assignments(options), classes)
    if isinstance(method, type):
        method = load(method, chosen[method], "attributor")
    if isinstance(network, type):
        network = load(network, chosen[network], "model")
    return explanation.explain(pixels, question, network, method, answer, seed)


def build(
    models: str | type[Model] | Sequence[str | type[Model]] = (),
    sources: str | type[Source] | Sequence[str | type[Source]] = (),
    editor: str | type[Editor] | None = None,
    modes: Mode | Sequence[Mode] = MODES,
    *,
    data_root: str | Path | None = None,
    options: Options = (),
    limit: int | None = None,
    seed: int = 0,
    controls: bool = False,
    images: bool = False,
    cache: str | Path | None = None,
    output: str | Path = "harness-bench",
    fresh: bool = False,
    registry: Registry | None = None,
    console: Console | None = None,
) -> Built:
    """Make a benchmark anew: ``harness build`` as a function, with the same defaults.

    See :func:`harness.building.benchmark.build`. Names or classes, as in :func:`evaluate`.
    """
    from harness.building import benchmark as building

    registry = registry if registry is not None else Registry.discover()
    return building.build(
        registry,
        sources=_names(registry, "source", sources),
        editor=None if editor is None else _find(registry, "editor", editor).name,
        models=_names(registry, "model", models),
        modes=[modes] if isinstance(modes, str) else list(dict.fromkeys(modes)),
        data_root=None if data_root is None else Path(data_root),
        options=_assignments(options),
        limit=limit or None,
        seed=seed,
        controls=controls,
        images=images,
        cache=None if cache is None else Path(cache),
        output=Path(output),
        fresh=fresh,
        console=console,
    )


def load_model(
    model: str | type[Model] | None = None, *, options: Options = (), registry: Registry | None = None
) -> Model:
    """A model in memory, for :func:`explain` to use again and again; None for the embedded one.

    Raises ``HarnessError`` for an unknown name, a bad option, and where it cannot be loaded.
    """
    registry = registry if registry is not None else Registry.discover()
    cls = default_model(registry) if model is None else _find(registry, "model", model)
    loaded: Model = load(cls, plugin_options.for_plugins(_assignments(options), [cls])[cls], "model")
    return loaded


def load_attributor(
    attributor: str | type[Attributor], *, options: Options = (), registry: Registry | None = None
) -> Attributor:
    """An attribution method that is set up, for :func:`explain` to use again and again. Errors as in
    :func:`load_model`."""
    registry = registry if registry is not None else Registry.discover()
    cls = _find(registry, "attributor", attributor)
    loaded: Attributor = load(cls, plugin_options.for_plugins(_assignments(options), [cls])[cls], "attributor")
    return loaded


def _labels(registry: Registry, kind: Kind, given: Given) -> list[str]:
    """The labels of what was given: names, classes and plugins, which the registry then knows."""
    if isinstance(given, Mapping):
        return [_label(registry, kind, item, label) for label, item in given.items()]
    items = [given] if isinstance(given, str | type | Plugin) else list(given)
    return [_label(registry, kind, item) for item in items]


def _label(registry: Registry, kind: Kind, item: Any, label: str | None = None) -> str:
    if isinstance(item, str):
        return item
    if isinstance(item, KINDS[kind]):
        registry.give(kind, label or item.name, item, _source_digest(type(item)))
        return label or item.name
    name = str(_find(registry, kind, item).name)
    if label is not None and label.partition("@")[0] != name:
        raise HarnessError(f"The label {label!r} must be {name}, or {name}@VARIANT.")
    return label or name


def _names(registry: Registry, kind: Kind, given: Any) -> list[str]:
    """The names of what was given: one or more names and classes."""
    items = [given] if isinstance(given, str | type | Plugin) else list(given)
    return list(dict.fromkeys(_find(registry, kind, item).name for item in items))


def _find(registry: Registry, kind: Kind, item: Any) -> Any:
    """The class that a name stands for, or the class itself, which the registry then knows."""
    if isinstance(item, str):
        return registry.find(kind, item)
    if isinstance(item, type) and issubclass(item, KINDS[kind]):
        registry.adopt(kind, item, _source_digest(item))
        return item
    raise HarnessError(f"Give the {kind} as a name or as a subclass of {KINDS[kind].__name__}, not {item!r}.")


def _source_digest(cls: type[Plugin]) -> str:
    """What stands for the version of a class that no distribution has: "source" and a digest of its text.

    Of its bases too, but for the harness's own. "source unknown" where Python did not keep the text.
    """
    texts = []
    for base in cls.__mro__:
        if base.__module__.partition(".")[0] in ("builtins", "abc", "harness"):
            continue
        try:
            texts.append(inspect.getsource(base))
        except (OSError, TypeError):  # before Python 3.13 a notebook's classes have no text, but their functions do
            try:
                texts += [inspect.getsource(part) for part in vars(base).values() if inspect.isfunction(part)]
            except (OSError, TypeError):
                return "source unknown"
    return f"source {sha256(chr(10).join(texts).encode()).hexdigest()[:12]}"


def _assignments(options: Options) -> list[str]:
    """Options as the command line has them."""
    if isinstance(options, str):
        raise HarnessError(f"Give the options as a list or a dictionary, as in options=[{options!r}].")
    if isinstance(options, Mapping):
        return [f"{target}={value}" for target, value in options.items()]
    return list(options)


def _pixels(image: Any) -> np.ndarray:
    """An image as uint8 [height, width, 3], whatever it was given as."""
    from PIL import Image

    from harness.imaging.read import read_image

    if isinstance(image, str | Path):
        return read_image(Path(image))
    if isinstance(image, Image.Image):
        return np.array(image.convert("RGB"))
    pixels = np.asarray(image)
    if pixels.ndim == 2:
        pixels = np.stack([pixels] * 3, axis=-1)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise HarnessError(
            f"Give the image as a file, a PIL image or uint8 [height, width, 3], not {pixels.dtype} {pixels.shape}."
        )
    return pixels
