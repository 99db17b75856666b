"""What all settings have in common: pydantic models that the command line, a YAML file and Python fill alike."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from harness.errors import HarnessError


def each_once(items: list[Any]) -> list[Any]:
    """The items in their order, each once."""
    return list(dict.fromkeys(items))


Names = Annotated[list[str], AfterValidator(each_once)]
S = TypeVar("S", bound="Settings")


def setting(default: Any, description: str, in_header: bool = False, **facts: Any) -> Any:
    """A field. ``in_header``: results depend on it, so that the journal's header has it. ``metavar`` and ``short``:
    what its flag's value and its short flag are called; other ``facts`` are pydantic's limits (``ge``)."""
    shown: dict[str, Any] = {name: facts.pop(name) for name in ("metavar", "short") if name in facts}
    return Field(default, description=description, json_schema_extra={**shown, "in_header": in_header}, **facts)


class Settings(BaseModel):
    """Base of the settings of a command. Fields have descriptions, which are its help."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @classmethod
    def of(cls: type[S], values: dict[str, Any], where: str = "") -> S:
        """Settings from values by field. ``where``: what to call their origin in a message.

        Raises
        ------
        HarnessError
            One sentence that names the field, what is wrong with it, and for an unknown one the nearest known.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise HarnessError(f"{where}{': ' if where else ''}{_sentence(cls, error)}") from error

    def header(self) -> dict[str, Any]:
        """The fields that results depend on, as JSON."""
        values = self.model_dump(mode="json")
        return {name: values[name] for name, info in type(self).model_fields.items() if facts(info).get("in_header")}

    @classmethod
    def yaml(cls, values: dict[str, Any] | None = None) -> str:
        """A file of these settings, each with its description as a comment; the ones in ``values`` are set.

        The others stand there as comments, with their defaults.
        """
        import yaml

        shown = cls.of(values or {}).model_dump(mode="json")
        lines: list[str] = []
        for name, info in cls.model_fields.items():
            value = yaml.safe_dump(shown[name], default_flow_style=True, width=10_000, allow_unicode=True)
            text = f"{name}: {value.strip().removesuffix('...').strip()}"
            lines += [f"# {info.description}", text if name in (values or {}) else f"# {text}", ""]
        return "\n".join(lines[:-1]) + "\n"


def _sentence(cls: type[Settings], error: ValidationError) -> str:
    fault = error.errors()[0]
    field = str(fault["loc"][0]) if fault["loc"] else ""
    if fault["type"] == "extra_forbidden":
        near = get_close_matches(field, cls.model_fields, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(cls.model_fields)}."
        return f"There is no setting {field!r}; {hint}"
    message = fault["msg"].removeprefix("Value error, ")
    item = f" ({fault['loc'][1]})" if len(fault["loc"]) > 1 and isinstance(fault["loc"][1], str) else ""
    given = repr(fault["input"])
    given = given if len(given) <= 60 else f"{given[:57]}..."
    return f"The setting {field!r}{item} cannot be {given}: {message[:1].lower()}{message[1:]}."


def facts(info: FieldInfo) -> dict[str, Any]:
    """What :func:`setting` noted of a field."""
    return info.json_schema_extra if isinstance(info.json_schema_extra, dict) else {}
