"""What a header says of plugins, against those that are installed here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from harness.contracts.attributor import Attributor
from harness.errors import HarnessError
from harness.participants import Participant, labelled, reason
from harness.registry import Kind, Registry
from harness.run.header import Header, MetricFacts, PluginFacts
from harness.run.journal_reading import differences
from harness.run.line import field_fault
from harness.run.options_json import unshipped
from harness.run.provenance import describe, describe_metric, weights_of
from leaderboard.read.joined import Run
from leaderboard.rescore import with_mask_note
from leaderboard.verifying.found import Verification

Installed = dict[tuple[Kind, str], Participant[Any]]
# What a header says of a plugin that figures, or what a board makes of them, hang on.
_CLAIMS = ("neutral", "same_as", "control", "worst", "higher_is_better", "percent", "needs")
_SHOWN = 200  # characters of a note
_WORDS = ("title", "legend")  # what may be put better in another release


class PluginCheck:
    """Compares a run's plugins with the installed ones. ``installed``: those of them that can be set up so here."""

    def __init__(self, run: Run, registry: Registry, found: Verification) -> None:
        self._run, self._registry, self._found = run, registry, found
        self.installed: Installed = {}
        self._releases: dict[tuple[str, str, bool], list[str]] = {}

    def check(self) -> Installed:
        """Say what is wrong. Returns the plugins that could be set up with the header's options."""
        header = self._run.header
        for kind, label, facts in _plugins(header):
            one = self._set_up(kind, label, facts)
            if one is not None:
                self.installed[kind, label] = one
        for (kind, label), one in self.installed.items():
            self._compare(kind, label, _facts(header, kind, label), one)
        for (there, here, same), names in self._releases.items():
            code = "of the same code" if same else "and their code is not the same, so that it could not be checked"
            self._found.leave(f"Of another release here ({there} there, {here} here), {code}: {', '.join(names)}.")
        return self.installed

    def _set_up(self, kind: Kind, label: str, facts: PluginFacts) -> Participant[Any] | None:
        try:
            name, cls = labelled(self._registry, kind, label)
        except HarnessError:
            self._found.leave(f"The {kind} {label!r} is not installed here: nothing of it was checked.")
            return None
        if name != label:
            self._found.add("label", f"The header calls the {kind} {name!r} {label!r}, which no run does.")
        try:
            options = cls.Options.model_validate(unshipped(cls, facts.options))
        except ValidationError as error:
            self._found.add(
                "options",
                f"The options of the {kind} {label!r} do not fit the installed plugin: {field_fault(error)}.",
            )
            return None
        return Participant(kind, label, cls, options)

    def _compare(self, kind: Kind, label: str, facts: PluginFacts, one: Participant[Any]) -> None:
        who = f"the {kind} {label!r}"
        try:
            right = _described(self._registry, one)
        except HarnessError as error:
            self._found.leave(f"What the header says of {who} was not checked ({str(error).rstrip('.')}).")
            return
        there, here = _release(facts), _release(right)
        if there != here:
            self._releases.setdefault((there, here, facts.code == right.code), []).append(label)
        elif facts.code != right.code:
            self._wrong("code", f"the code of {who} is {facts.code}, and that of the installed {here} is", right.code)
        elif facts.module != right.module:
            self._wrong("module", f"{who} is of {facts.module}, and the installed one is of", right.module)
        for fault in differences(facts.options, right.options):
            self._found.add("options", f"The options of {who} are not those that the installed one has ({fault}).")
        for name in _CLAIMS + (_WORDS if facts.code == right.code else ()):
            if (said := getattr(facts, name, None)) != (truly := getattr(right, name, None)):
                self._wrong("claim", f"{name} is {said}, and {who} of {here} has", truly)
        self._compare_weights(kind, label, facts, one)
        self._compare_notes(kind, label, facts, one)

    def _wrong(self, kind: str, said: str, truly: Any) -> None:
        self._found.add(kind, f"The header says {said} {truly}".rstrip(".") + ".")

    def _compare_weights(self, kind: Kind, label: str, facts: PluginFacts, one: Participant[Any]) -> None:
        if kind == "model" and not facts.weights and not self._model_needed:
            return
        try:
            right = {} if kind == "source" else weights_of(one)
        except HarnessError as error:
            right, why = {"": None}, str(error).rstrip(".")
        else:
            why = f"{next((name for name, value in right.items() if value is None), '')} is not here"
        if None in right.values():
            self._found.leave(f"The weights of the {kind} {label!r} were taken as they are ({why}).")
        elif sorted(map(str, facts.weights.values())) != sorted(map(str, right.values())):
            self._found.add(
                "weights",
                f"The weights of the {kind} {label!r} are not those that are here (the header says "
                f"{_listed(facts.weights)}, here they are {_listed(right)}).",
            )

    @property
    def _model_needed(self) -> bool:
        """Whether anything that is installed asks a model something."""
        methods = [one.cls for (kind, _), one in self.installed.items() if kind == "attributor"]
        measured = [one.cls for (kind, label), one in self.installed.items()
                    if kind == "metric" and label not in self._run.rescored]  # fmt: skip
        asking = any(cls.needs or cls.captures or cls.grounding for cls in methods)
        return asking or self._run.header.noise or any("model" in cls.needs for cls in measured)

    def _compare_notes(self, kind: Kind, label: str, facts: PluginFacts, one: Participant[Any]) -> None:
        """Compare what readers must know of a plugin: it stands on the board, in a stranger's words."""
        try:
            right = self._right_notes(kind, label, facts, one)
        except Exception as error:
            why = f"it cannot be loaded: {reason(error).rstrip('.')}"
            self._found.leave(f"The notes on {label!r} were taken as they are ({why}).")
            return
        if facts.notes != right:
            said = " ".join(facts.notes)[:_SHOWN] or "nothing"
            self._found.add("notes", f"The notes on {label!r} are not those of the installed one: {said!r}.")

    def _right_notes(self, kind: Kind, label: str, facts: PluginFacts, one: Participant[Any]) -> list[str]:
        sources = {row.source for row in self._run.rows}
        if kind == "attributor" and one.cls.notes is not Attributor.notes:
            return [str(note) for note in one.load().notes(sources)]
        if label in self._run.rescored and isinstance(facts, MetricFacts):
            return with_mask_note(self._registry, sources, one, facts.model_copy(update={"notes": []})).notes
        return []


def check_lists(header: Header, found: Verification) -> None:
    """Whether the lists of a header name the same methods and models."""
    described = header.plugins.get("attributor", {})
    for name in header.attributors:
        if name not in described:
            found.add("unknown", f"The header does not say which plugin the attributor {name!r} is.")
    for name in described:
        if name not in header.attributors:
            found.add("unknown", f"The header describes the attributor {name!r}, which takes no part.")
    if len(set(header.attributors)) < len(header.attributors):
        found.add("unknown", "The header names an attributor twice.")
    for mode, models in header.planned.items():
        if models.keys() != header.plugins.get("model", {}).keys():
            found.add("unknown", f"The header plans {mode} records of other models than it describes.")


def _plugins(header: Header) -> Iterator[tuple[Kind, str, PluginFacts]]:
    for kind, found in header.plugins.items():
        for label, facts in found.items():
            yield kind, label, facts
    for label, metric in header.metrics.items():
        yield "metric", label, metric


def _facts(header: Header, kind: Kind, label: str) -> PluginFacts:
    return next(facts for one, name, facts in _plugins(header) if (one, name) == (kind, label))


def _described(registry: Registry, one: Participant[Any]) -> PluginFacts:
    if one.kind == "metric":
        return MetricFacts.model_validate(describe_metric(registry, one))
    return PluginFacts.model_validate(describe(registry, one, with_files=False))


def _release(facts: PluginFacts) -> str:
    return f"{facts.distribution} {facts.version}".strip()


def _listed(weights: dict[str, str | None]) -> str:
    return ", ".join(str(one)[:19] for one in weights.values()) or "none"
