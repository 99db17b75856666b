"""Options of plugins from the command line."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

import pytest
from pydantic import Field, field_validator

from harness.cli.option_list import REQUIRED, describe_options
from harness.contracts.plugin import NoOptions, Plugin
from harness.errors import HarnessError
from harness.options import for_plugins, parse, read_options


class Full(Plugin):
    """A plugin with an option of every type."""

    name: ClassVar[str] = "full-2.5"
    aliases: ClassVar[tuple[str, ...]] = ("full_2_5", "full")

    class Options(NoOptions):
        """Options."""

        grid: int = Field(default=8, ge=2, le=56, description="Cells a side.")
        share: float = Field(default=0.5, gt=0, lt=1)
        exact: bool = True
        path: Path | None = None
        how: Literal["auto", "None", "some"] = "auto"
        level: Literal[1, 2] | None = 1
        word: str = "Plain"
        code: str = Field(default="a1", pattern="^[a-z][0-9]$")

        @field_validator("word")
        @classmethod
        def _no_shouting(cls, word: str) -> str:
            if word.isupper():
                raise ValueError(f"{word} is too loud")
            return word


class Needy(Plugin):
    """A plugin that cannot do without an option."""

    name: ClassVar[str] = "needy"

    class Options(NoOptions):
        """Options."""

        weights: Path = Field(description="The weights.")


class Bare(Plugin):
    """A plugin without options, of the same name as another."""

    name: ClassVar[str] = "full"


def test_parsing_splits_at_the_last_dot_before_the_first_equals_sign() -> None:
    assert parse(["qwen2.5-vl-3b.path=/a.b/c=d", "occlusion.grid = 4", "occlusion.x="]) == [
        ("qwen2.5-vl-3b", "path", "/a.b/c=d"),
        ("occlusion", "grid", "4"),
        ("occlusion", "x", ""),
    ]


def test_two_values_of_one_option_are_refused_by_whatever_name() -> None:
    for texts in (["full.grid=5", "full.grid=6"], ["full-2.5.grid=5", "full_2_5.grid=6"]):
        with pytest.raises(HarnessError, match=r"grid is given twice, as 5 and as 6; give one of them\.$"):
            for_plugins(texts, [Full])
    assert for_plugins(["full.grid=6", "full-2.5.grid=6"], [Full])[Full].model_dump()["grid"] == 6


@pytest.mark.parametrize(
    "text", ["grid=4", "occlusion.grid", "=4", ".grid=4", "occlusion.=4", "", "a.b", " .b=1"]
)
def test_what_is_no_assignment_is_shown_how(text: str) -> None:
    with pytest.raises(HarnessError, match="should read NAME"):
        parse([text])


def test_every_type() -> None:
    texts = {
        "grid": "4",
        "share": "0.25",
        "exact": "false",
        "path": "~/x y",
        "how": "some",
        "level": "2",
        "word": "a",
    }
    typed = {"grid": 4, "share": 0.25, "exact": False, "path": Path("~/x y"), "how": "some", "level": 2}
    assert read_options(Full, texts).model_dump() == typed | {"word": "a", "code": "a1"}
    assert read_options(Full, {}).model_dump()["grid"] == 8


def test_none_is_none_only_where_the_field_can_be_none() -> None:
    options = read_options(Full, {"path": "None", "level": "none", "how": "None", "word": "none"}).model_dump()
    assert options["path"] is None and options["level"] is None
    assert options["how"] == "None" and options["word"] == "none"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("grid", "many", "full-2.5.grid='many': .*whole number, >= 2, <= 56"),
        ("grid", "57", "full-2.5.grid='57': .*whole number, >= 2, <= 56"),
        ("grid", "", "full-2.5.grid='': "),
        ("share", "1", "number, > 0, < 1"),
        ("exact", "perhaps", "true or false"),
        ("code", "1a", r"it takes text, matching \^\[a-z\]\[0-9\]\$"),
        ("how", "magic", "auto or None or some"),
        ("level", "3", "1 or 2 or none"),
        ("word", "LOUD", "value error, LOUD is too loud"),
    ],
)
def test_a_bad_value_is_named_with_what_is_allowed(field: str, value: str, message: str) -> None:
    with pytest.raises(HarnessError, match=message):
        read_options(Full, {field: value})


def test_a_missing_value_is_named() -> None:
    with pytest.raises(HarnessError, match=r"needy\.weights: field required \(it takes path\)"):
        read_options(Needy, {})


def test_an_unknown_field_gets_a_suggestion() -> None:
    with pytest.raises(HarnessError, match=r"no option 'gird'; did you mean 'grid'\?"):
        read_options(Full, {"gird": "4"})
    with pytest.raises(HarnessError, match="no option 'zzz'; it has grid, share"):
        read_options(Full, {"zzz": "4"})
    with pytest.raises(HarnessError, match=r"no option 'zzz'; it has none\."):
        read_options(Bare, {"zzz": "4"})


def test_an_option_of_a_plugin_that_takes_no_part() -> None:
    with pytest.raises(
        HarnessError, match=r"'occlusion', which takes no part in this run; these do: full-2\.5\."
    ):
        for_plugins(["occlusion.grid=4"], [Full])


def test_a_class_listed_twice_keeps_its_options() -> None:
    assert for_plugins(["full.grid=4"], [Full, Full])[Full].model_dump()["grid"] == 4


@pytest.mark.parametrize("classes", [[Full, Bare], [Bare, Full]])
def test_of_two_plugins_of_one_name_the_one_with_the_field_gets_it(classes: list[type[Plugin]]) -> None:
    built = for_plugins(["full.grid=4"], classes)
    assert built[Full].model_dump()["grid"] == 4 and type(built[Bare]) is NoOptions
    with pytest.raises(HarnessError, match="no option 'gird'"):
        for_plugins(["full.gird=4"], classes)


def test_description() -> None:
    rows = {row[0]: row[1:] for row in describe_options(Full)}
    assert rows["grid"] == ("whole number, >= 2, <= 56", "8", "Cells a side.")
    assert rows["exact"] == ("true or false", "true", "")
    assert rows["path"] == ("path or none", "none", "")
    assert rows["level"][0] == "1 or 2 or none"
    assert describe_options(Needy) == [("weights", "path", REQUIRED, "The weights.")]
    assert describe_options(Bare) == []
