"""The targets of the season's benchmark are counted by cell, all seeds together."""

import pytest

from scripts.benchmarks.season.score import Cell, Comfort, Conduct, Score
from scripts.benchmarks.season.targets import rows_of


def score(policy, net_cost, *, fuel="oil", seed=0, misses=0, city="chicago"):
    bound = policy == "limit"
    return Score(
        cell=Cell(city=city, load=0.25, slack="days", seed=seed),
        fuel=fuel,
        policy=policy,
        net_cost=net_cost,
        scale=100.0,
        comfort=None if bound else Comfort(hours_above=2.0, square_k=9.0, heated_h=100.0),
        conduct=None
        if bound
        else Conduct(
            jobs=9,
            misses=misses,
            latest_h=0.0,
            switches=3,
            compute_kwh=1.0,
            held_kwh=0.0,
            planning_s=0.0,
        ),
    )


def cell(always, clock, ours, limit, **where):
    costs = {"always on": always, "night clock": clock, "ours": ours, "limit": limit}
    return [score(policy, cost, **where) for policy, cost in costs.items()]


def test_a_cell_counts_where_the_limit_saves_more_than_two_percent():
    scores = [
        *cell(50.0, 60.0, 44.0, 40.0, fuel="oil"),  # 6 of 10 saved
        *cell(50.0, 51.0, 50.5, 45.0, fuel="gas"),  # it counts, and is missed
        *cell(50.0, 60.0, 49.0, 48.5, fuel="electric"),  # not worth while
    ]
    (row,) = rows_of(scores)
    assert (row["cells"], row["that count"], row["below both"]) == (3, 2, 1)
    assert row["of the limit's saving %"] == pytest.approx((60 - 10) / 2)
    assert row["worst beside always-on %"] == pytest.approx(0.5)
    assert row["too warm h, ours"] == 6
    assert row["RMSE K, ours"] == pytest.approx(0.3)


def test_seeds_are_added_up_and_parts_kept_apart():
    scores = [
        *cell(50.0, 60.0, 45.0, 40.0, seed=0),
        *cell(30.0, 60.0, 31.0, 20.0, seed=2),
        *cell(50.0, 60.0, 40.0, 40.0, seed=1),
    ]
    development, others = rows_of(scores)
    assert (development["part"], others["part"]) == ("development", "other seeds")
    assert development["of the limit's saving %"] == pytest.approx(100 * (80 - 76) / (80 - 60))
    assert others["of the limit's saving %"] == pytest.approx(100)
