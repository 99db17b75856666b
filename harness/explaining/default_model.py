"""The model that is asked where the user names none."""

from __future__ import annotations

from harness.bench.records import read_records
from harness.contracts.model import Model
from harness.errors import HarnessError
from harness.registry import Registry


def default_model(registry: Registry) -> type[Model]:
    """The model that the first record of a shipped benchmark is about. Raises ``HarnessError`` where there is none."""
    shipping = [source.bench for source in registry.all("source") if source.bench is not None]
    if not shipping:
        raise HarnessError("No installed source ships a benchmark; say which model to ask by --model NAME.")
    try:
        first = next(records[0] for records in read_records(shipping[0]).values() if records)
        found: type[Model] = registry.find("model", first.model)
    except (HarnessError, StopIteration) as error:
        reason = str(error) or f"{shipping[0]} holds no records"
        raise HarnessError(f"There is no default model, say which by --model NAME: {reason}") from error
    return found
