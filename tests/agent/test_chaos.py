"""Whatever goes wrong, jobs run again in time, and those that others hold do not."""

from pathlib import Path

from .chaos import WRONGS, arena


async def test_no_job_is_left_paused_or_lost_whatever_goes_wrong(tmp_path: Path) -> None:
    async with arena(tmp_path) as field:
        for number in range(len(WRONGS)):
            await field.play(number, seed=1)
        field.check_counters()
    outcome = field.outcome
    assert outcome.rounds == len(WRONGS)
    assert outcome.paused > 0
    assert (outcome.left_paused, outcome.taken_from_others, outcome.counters_wrong) == (0, 0, 0)
