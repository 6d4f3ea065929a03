"""Finds what dialects make of a sample: the thing that it tells of, and the value. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
import re

from .dialects import SI, Dialect, Join, Quantity, Series
from .exposition import Sample

_ENERGIES = (0.0, 5e12)
_POWERS = (0.0, 50_000.0)
_TEMPERATURES = (-60.0, 200.0)
_BYTES = (0.0, 1e15)
_POSSIBLE: Mapping[Quantity, tuple[float, float]] = {
    Quantity.POWER: _POWERS,
    Quantity.ENERGY: _ENERGIES,
    Quantity.TEMPERATURE: _TEMPERATURES,
    Quantity.MEMORY_TEMPERATURE: _TEMPERATURES,
    Quantity.UTILIZATION: (0.0, 1.0),
    Quantity.MEMORY_USED: _BYTES,
    Quantity.MEMORY_TOTAL: _BYTES,
    Quantity.POWER_LIMIT: _POWERS,
    Quantity.POWER_LIMIT_MIN: _POWERS,
    Quantity.POWER_LIMIT_MAX: _POWERS,
}
"""What can be, in SI units. Beyond lie the numbers that stand for no value: the blanks of DCGM
(0x7ffffff0 and up, 0x7ffffffffffffff0 and up) and all bits set in 16 bits (W) to 64 bits (µJ).
No power is as high as 50 kW and no energy as 5e12 J, 15 years at 10 kW."""

_TEMPERATURE_KINDS = (Quantity.TEMPERATURE, Quantity.MEMORY_TEMPERATURE)


def si_value(dialect: Dialect, quantity: Quantity, value: float | None) -> float | None:
    """Return a sample's value in SI units; None where it stands for no value."""
    if value is None:
        return None
    unit = dialect.units.get(quantity, SI)
    number = value * unit.times / unit.per
    low, high = _POSSIBLE[quantity]
    if quantity in _TEMPERATURE_KINDS and number == 0:  # exporters' word for "no sensor"
        return None
    return number if low <= number <= high else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What a dialect takes a metric for; `rank` 0 is what it prefers."""

    place: int
    dialect: Dialect
    quantity: Quantity
    rank: int
    series: Series


class Vocabulary:
    """The metrics of some dialects, by name; the dialect at `place` 0 is the preferred one."""

    def __init__(self, dialects: Iterable[Dialect]) -> None:
        self._meanings: dict[str, list[Meaning]] = {}
        self._endings: dict[str, list[Meaning]] = {}
        self.joins: dict[str, Join] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        for place, dialect in enumerate(dialects):
            if dialect.join:
                self.joins[dialect.join.metric] = dialect.join
            for pattern in (*dialect.only.values(), *dialect.unless.values()):
                self._patterns[pattern] = re.compile(pattern)
            for quantity, alternatives in dialect.series.items():
                for rank, series in enumerate(alternatives):
                    meaning = Meaning(
                        place=place, dialect=dialect, quantity=quantity, rank=rank, series=series
                    )
                    self._add(meaning)

    def _add(self, meaning: Meaning) -> None:
        name, names = meaning.series.name, [meaning.series.name]
        if meaning.quantity is Quantity.ENERGY:
            base = name.removesuffix("_total")
            names = [base, f"{base}_total"]
        table = self._endings if meaning.dialect.any_prefix else self._meanings
        for spelling in names:
            table.setdefault(spelling, []).append(meaning)

    def wants(self, name: str) -> bool:
        """Return whether a metric means something here."""
        return name in self.joins or bool(self.meanings(name))

    def meanings(self, name: str) -> Sequence[Meaning]:
        """Return what a metric may mean."""
        if found := self._meanings.get(name):
            return found
        ending = next((ending for ending in self._endings if name.endswith(ending)), None)
        return self._endings[ending] if ending else ()

    def accepts(self, meaning: Meaning, labels: Mapping[str, str]) -> bool:
        """Return whether a sample with these labels has the meaning."""
        dialect = meaning.dialect
        if not (meaning.series.where or dialect.only or dialect.unless):
            return True
        return (
            all(labels.get(label) == value for label, value in meaning.series.where.items())
            and all(self._matches(labels, *item) for item in dialect.only.items())
            and not any(self._matches(labels, *item) for item in dialect.unless.items())
        )

    def _matches(self, labels: Mapping[str, str], label: str, pattern: str) -> bool:
        return self._patterns[pattern].fullmatch(labels.get(label, "")) is not None


class Infos:
    """The labels that info metrics have for other samples of the same machine."""

    def __init__(self, joins: Mapping[str, Join]) -> None:
        self._joins = joins
        self._labels: dict[tuple[str, str, str], list[Mapping[str, str]]] = {}

    def add(self, host: str, sample: Sample) -> None:
        """Take in a sample of an info metric."""
        key = (sample.name, host, sample.labels.get(self._joins[sample.name].on, ""))
        self._labels.setdefault(key, []).append(sample.labels)

    def joined(
        self, join: Join | None, host: str, labels: Mapping[str, str]
    ) -> Sequence[Mapping[str, str]]:
        """Return the labels with those of each info that matches; as they are if none does."""
        infos = join and self._labels.get((join.metric, host, labels.get(join.on, "")))
        if not infos:
            return [labels]
        return [{**info, **labels} for info in sorted(infos, key=lambda info: sorted(info.items()))]
