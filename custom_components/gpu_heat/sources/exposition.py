"""Pages of metrics in Prometheus' text format: from bytes to the samples that are wanted. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
import math
import re

from prometheus_client.parser import text_string_to_metric_families

from . import NotASourceError

MAX_LINES = 500_000
MAX_LINE_BYTES = 65_536
MAX_SAMPLES = 50_000

# What the parsers of prometheus-client agree on in all their versions: no timestamp, no exemplar.
_SAMPLE = re.compile(
    r'([a-z_:][a-z0-9_:]*+\s*+(?:\{(?:[^"{}]|"(?:[^"\\]|\\.)*+")*+\})?+)'  # name and labels
    r"\s*+([^\s#_{}]++)"  # value
    r"(?:\s++[-+.\de]++)?+\s*+(?:#.*)?",  # timestamp and exemplar
    re.ASCII | re.IGNORECASE,
)

type _Series = tuple[str, tuple[tuple[str, str], ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One series now; its value is None where the page tells none, or two that differ."""

    name: str
    labels: Mapping[str, str]
    value: float | None


def read_samples(page: bytes, wanted: Callable[[str], bool]) -> tuple[Sample, ...]:
    """Return the samples whose names are wanted.

    A line that cannot be read costs only itself. Raises NotASourceError for a page that is
    no page of metrics, or too large a one.
    """
    if page.count(b"\n") > MAX_LINES:
        raise NotASourceError(f"more than {MAX_LINES} lines")
    if page.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"<":
        raise NotASourceError("an HTML page (a login?)")
    found: dict[_Series, float | None] = {}
    for name, labels, value in _parsed(list(_wanted_lines(page, wanted))):
        series = (name, tuple(sorted(labels.items())))
        same = found.setdefault(series, value) == value
        found[series] = value if same else None
    return tuple(
        Sample(name=name, labels=dict(labels), value=value)
        for (name, labels), value in found.items()
    )


def describe(page: bytes, wanted: str) -> str:
    """Return what a page is that has no sample of what is wanted."""
    start = page.removeprefix(b"\xef\xbb\xbf").strip()
    if not start:
        return "an empty page"
    if start[:1] in (b"{", b"["):
        return "JSON"
    if b"\0" in start or not _is_text(start[:4096]):
        return "binary data"
    return f"no sample of {wanted}"


def _is_text(start: bytes) -> bool:
    """Return whether this is UTF-8, perhaps cut within a character, or ISO 8859 text."""
    return start.decode("utf-8", "replace").count("\ufffd") <= len(start) // 10


def _wanted_lines(page: bytes, wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yield the lines of wanted metrics, as a name, labels and a value.

    The parser takes some 10 µs for a line, and most of a page is of no interest.
    """
    known: dict[bytes, bool] = {}
    count = 0
    for raw in BytesIO(page.removeprefix(b"\xef\xbb\xbf")):  # lines end with "\n" alone
        line = raw.strip()
        if not line or line[0] == 0x23:  # "#"
            continue
        head, brace, _ = line.partition(b"{")
        if not brace or b" " in head or b"\t" in head:
            head = head.split(None, 1)[0] if head else b""
        keep = known.get(head)
        if keep is None:
            keep = known[head] = wanted(head.decode("ascii", "replace"))
        if not keep or len(line) > MAX_LINE_BYTES:
            continue
        try:
            match = _SAMPLE.fullmatch(line.decode())
        except UnicodeDecodeError:
            continue
        if match:
            count += 1
            if count > MAX_SAMPLES:
                raise NotASourceError(f"more than {MAX_SAMPLES} samples")
            yield f"{match[1]} {match[2]}\n"


def _parsed(lines: list[str]) -> Iterable[tuple[str, Mapping[str, str], float | None]]:
    try:
        return _parse("".join(lines))
    except ValueError:
        return [sample for line in lines for sample in _parse_line(line)]


def _parse_line(line: str) -> list[tuple[str, Mapping[str, str], float | None]]:
    try:
        return _parse(line)
    except ValueError:
        return []


def _parse(text: str) -> list[tuple[str, Mapping[str, str], float | None]]:
    return [
        (sample.name, sample.labels, _finite(sample.value))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def _finite(value: float) -> float | None:
    try:
        number = float(value)  # the parser returns an int of any size
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
