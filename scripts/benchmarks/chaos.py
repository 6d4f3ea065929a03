"""Pauses while agents, clients and a real Slurm are killed, cut off and delayed."""

import asyncio
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from tests.agent.chaos import Outcome, arena

ROUNDS = 200
SEED = 2026


def measure() -> list[dict[str, str | float | None]]:
    """Play 200 rounds over jobs that are processes and jobs of a real Slurm, seeded.

    In each, somebody else may hold a job, a client pauses some for 2 to 4 s, and one thing goes
    wrong at a random moment. Late is from the end of the leases, or from when all was in order
    again, until every job ran that nobody else held; watching a counter takes 0.4 s of it.
    There is no peer: nothing else that pauses jobs of both kinds under leases was found.
    """
    outcome = asyncio.run(_play())
    wrongs = ", ".join(f"{name} {count}" for name, count in sorted(outcome.wrongs.items()))
    return [
        {
            "rounds": outcome.rounds,
            "pauses": outcome.paused,
            "refused": outcome.refused,
            "left paused": outcome.left_paused,
            "taken from others": outcome.taken_from_others,
            "counters wrong": outcome.counters_wrong,
            "late, median s": median(outcome.late_s),
            "late, longest s": max(outcome.late_s),
            "what went wrong": wrongs,
        }
    ]


async def _play() -> Outcome:
    with TemporaryDirectory(prefix="chaos-") as folder:
        Path(folder).chmod(0o755)
        async with arena(Path(folder)) as field:
            for number in range(ROUNDS):
                await field.play(number, SEED)
            field.check_counters()
    return field.outcome
