"""The model that is asked where the user names none."""

from __future__ import annotations

from harness.bench.records import read_records
from harness.contracts.model import Model
from harness.defaults import default_bench
from harness.errors import HarnessError
from harness.registry import Registry


def default_model(registry: Registry) -> type[Model]:
    """The model that the first record of a shipped benchmark is about. Raises ``HarnessError`` where there is none."""
    try:
        bench = default_bench(registry)
        first = next(records[0] for records in read_records(bench).values() if records)
        found: type[Model] = registry.find("model", first.model)
    except (HarnessError, StopIteration) as error:
        reason = str(error) or f"{bench} holds no records"
        raise HarnessError(f"There is no default model, say which by --model NAME: {reason}") from error
    return found
