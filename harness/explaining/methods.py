"""The model that is asked and the methods that explain it, before the model is loaded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.contracts.attributor import Attributor, missing
from harness.errors import HarnessError
from harness.explaining.explain import check_capabilities
from harness.participants import Participant, check_there, choose
from harness.registry import Registry


def choose_methods(
    registry: Registry,
    options: Sequence[str],
    model: str,
    attributors: Sequence[str],
    every: bool,
    answer_given: bool,
) -> tuple[Participant[Any], dict[str, Attributor], list[str]]:
    """The model, the methods by label, loaded, and of ``every`` one that is installed what was left out and why.

    ``attributors``: labels; those that are named must work. Raises ``HarnessError`` where one does not, for an unknown
    name and a bad option.
    """
    labels = list(attributors) or ([] if every else [registry.default("attributor").name])
    others = [cls.name for cls in registry.all("attributor") if every and cls.name not in labels]
    left_out = []
    for name in others.copy():
        if not any(option.startswith(f"{name}.") for option in options):
            try:
                choose(registry, [], [("attributor", name)])
            except HarnessError as error:  # it has an option without a default, and works for those who know it
                others.remove(name)
                left_out.append(f"{name}: {error}")
    network, *methods = choose(
        registry, options, [("model", model), *(("attributor", label) for label in (*labels, *others))]
    )
    taken: dict[str, Attributor] = {}
    for method in methods:
        if method.label not in others:
            check_capabilities(method.cls, network.cls, answer_given)
            taken[method.label] = method.load()
            continue
        try:
            if (why := _why_not(method, network)) is None:
                taken[method.label] = method.load()
                continue
        except HarnessError as error:
            why = str(error)
        left_out.append(f"{method.label}: {why}")
    if not taken:
        raise HarnessError(f"No installed method works with the model {network.label!r}.")
    check_capabilities(next(iter(taken.values())), network.cls, answer_given)
    return network, taken, left_out


def _why_not(method: Participant[Any], network: Participant[Any]) -> str | None:
    """Why a method that nobody named is not used, if so."""
    if method.cls.control:
        return "a control, which explains nothing"
    if absent := missing(method.cls, network.cls):
        return f"it needs {' and '.join(absent)}, which the model does not offer"
    check_there([method])
    return None
