"""What was measured, as a table."""

from collections.abc import Mapping, Sequence

type Row = Mapping[str, str | float | None]
"""What was measured, by the name of its column; all rows of a benchmark have the same columns."""


def table(rows: Sequence[Row]) -> str:
    """Return rows as a Markdown table."""
    lines = [list(rows[0]), ["---"] * len(rows[0])]
    lines += [[_shown(value) for value in row.values()] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(value: str | float | None) -> str:
    match value:
        case None:
            return ""
        case 0.0:
            return "0"
        case float() if abs(value) < 0.001:
            return f"{value:.1e}"
        case float():
            return f"{value:.2f}"
        case int():
            return f"{value:,}"
    return value
