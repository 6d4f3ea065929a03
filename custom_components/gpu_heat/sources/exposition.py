"""Pages of metrics in Prometheus' text format: from bytes to the samples that are wanted. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
import math
import re

from prometheus_client.parser import text_string_to_metric_families

from . import NotASourceError

_BOM = b"\xef\xbb\xbf"

MAX_LINES = 500_000
MAX_LINE_BYTES = 65_536
MAX_SAMPLES = 20_000

# What is left of a line: neither its timestamp nor its exemplar, on which versions of
# prometheus-client differ.
_SAMPLE = re.compile(
    r'([a-z_:][a-z0-9_:]*+)\s*+(\{(?:[^"{}]++|"(?:[^"\\]++|\\.)*+")*+\})?+'  # name and labels
    r"\s*+([-+.a-z0-9]++)"  # value
    r"(?:\s++[-+.e0-9]++)?+\s*+(?:#.*)?",  # timestamp and exemplar
    re.ASCII | re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One series now; its value is None where the page tells none, or two that differ.

    Labels are in the order of their names.
    """

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
    if page.removeprefix(_BOM).lstrip()[:1] == b"<":
        raise NotASourceError("an HTML page (a login?)")
    lines = list(_wanted_lines(page, wanted))
    labels_of = _labels({block for _, block, _ in lines})
    found: dict[tuple[str, tuple[tuple[str, str], ...]], float | None] = {}
    for name, block, text in lines:
        if (labels := labels_of.get(block)) is None or (value := _number(text)) is None:
            continue
        number = value if math.isfinite(value) else None
        series = (name, labels)
        same = found.setdefault(series, number) == number
        found[series] = number if same else None
    return tuple(
        Sample(name=name, labels=dict(labels), value=value)
        for (name, labels), value in found.items()
    )


def describe(page: bytes, wanted: str) -> str:
    """Return what a page is that has no sample of what is wanted."""
    start = page.removeprefix(_BOM).strip()
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


def _wanted_lines(page: bytes, wanted: Callable[[str], bool]) -> Iterator[tuple[str, str, str]]:
    """Yield name, labels and value of the lines of wanted metrics, as they are written."""
    known: dict[bytes, bool] = {}
    count = 0
    for raw in BytesIO(page.removeprefix(_BOM)):  # its lines end with "\n" alone
        head = raw.partition(b"{")[0]
        keep = known.get(head)
        if keep is None:
            name = b"".join(head.split(None, 1)[:1])
            if (keep := known.get(name)) is None:
                keep = known[name] = wanted(name.decode("ascii", "replace"))
        if not keep or len(raw) > MAX_LINE_BYTES:
            continue
        try:
            match = _SAMPLE.fullmatch(raw.decode().strip())
        except UnicodeDecodeError:
            continue
        if match:
            count += 1
            if count > MAX_SAMPLES:
                raise NotASourceError(f"more than {MAX_SAMPLES} samples")
            yield match[1], match[2] or "", match[3]


def _labels(blocks: Iterable[str]) -> Mapping[str, tuple[tuple[str, str], ...]]:
    """Return the labels of each block, sorted, but of those that cannot be read.

    The parser takes some 10 µs for a label, and all series of a device share their labels.
    """
    blocks = list(blocks)
    try:
        return dict(zip(blocks, _parse(blocks), strict=True))
    except ValueError:  # of which block it does not say
        return {block: labels for block in blocks for labels in _parse_one(block)}


def _parse_one(block: str) -> list[tuple[tuple[str, str], ...]]:
    try:
        return list(_parse([block]))
    except ValueError:
        return []


def _parse(blocks: Iterable[str]) -> Iterator[tuple[tuple[str, str], ...]]:
    text = "".join(f"x{block} 0\n" for block in blocks)
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield tuple(sorted(sample.labels.items()))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
