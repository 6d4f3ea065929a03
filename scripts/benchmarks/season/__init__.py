"""Policies that decide when jobs run, over a year of weather, jobs and prices."""

from collections.abc import Sequence

from ..table import Row


def measure() -> Sequence[Row]:
    """Run jobs in a house that they heat, by policies that all see the same, beside the limit.

    A server of four GPUs, jobs with deadlines, weather of four cities, ten starts in a year, four
    heaters; the model of each is written where it is made. What a policy costs is net: electricity,
    and what heating and cooling cost more or less than with a server that idles; also as a part
    of what the electricity costs where all jobs run at once. The limit is a bound from below that
    knows the future; of what it saves beside always-on, policies have a part. The table holds our
    scheduler to its targets; those of each policy and cell come from scripts.benchmarks.season.
    Policies may be tuned on development alone: seeds 0, 2, 4, 6 and 8 of Chicago and Helsinki.
    """
    # The solver is there only where this is run: see scripts/setup.
    from .runs import Choice, run  # noqa: PLC0415
    from .targets import rows_of  # noqa: PLC0415

    return rows_of(run(Choice()))
