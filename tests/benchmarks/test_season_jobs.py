"""The jobs, forecasts and prices of the season's benchmark."""

from datetime import UTC, datetime
import math
from random import Random
from statistics import fmean

import pytest

from scripts.benchmarks.season.forecast import Forecast, deviation_k
from scripts.benchmarks.season.scenarios import SCENARIOS, heat_pump_cop, ontario
from scripts.benchmarks.season.workload import make_jobs, mean_work_h


def test_work_between_its_limits_has_a_mean_of_seven_and_a_half_hours():
    works = [
        min(max(6 * math.exp(rng.gauss(0, 0.7)), 1), 24)
        for rng in [Random(1)]
        for _ in range(50_000)
    ]
    assert mean_work_h() == pytest.approx(fmean(works), rel=0.01)


@pytest.mark.parametrize("load", [0.25, 0.5])
def test_jobs_keep_a_part_of_four_gpus_busy_for_six_weeks(load):
    work_h = [
        sum(job.work for job in make_jobs(seed=seed, load=load, slack="days")) / 4
        for seed in range(40)
    ]
    assert fmean(work_h) == pytest.approx(load * 4 * 6 * 7 * 24, rel=0.05)


def test_a_seed_has_the_same_jobs_whatever_their_slack():
    hours, weeks = (make_jobs(seed=3, load=0.5, slack=slack) for slack in ("hours", "weeks"))
    assert [(job.arrival, job.work) for job in hours[:1]] == [
        (job.arrival, job.work) for job in weeks[:1]
    ]
    assert [job.arrival for job in hours] == [job.arrival for job in weeks]
    assert [job.work for job in hours] == [job.work for job in weeks]
    assert [job.running_w for job in hours] == [job.running_w for job in weeks]


@pytest.mark.parametrize(
    ("slack", "least_h", "most_h"), [("hours", 4, 12), ("days", 48, 120), ("weeks", 168, 504)]
)
def test_a_deadline_leaves_the_slack_beyond_the_work(slack, least_h, most_h):
    jobs = make_jobs(seed=0, load=0.5, slack=slack)
    assert all(least_h <= (job.due - job.arrival - job.work) / 4 <= most_h for job in jobs)


def test_powers_are_beyond_the_25_w_of_a_gpu_without_a_job():
    jobs = make_jobs(seed=0, load=0.5, slack="days")
    assert all(225 <= job.running_w <= 375 for job in jobs)
    assert all(35 <= job.held_w <= 95 for job in jobs)
    assert all(4 <= job.work <= 96 for job in jobs)


def test_forecasts_err_by_half_a_kelvin_in_an_hour_and_two_and_a_half_in_three_days():
    assert deviation_k(1) == 0.5
    assert deviation_k(72) == pytest.approx(2.5)
    forecast = Forecast([0.0] * (4000 + 72), Random(1))
    for lead in (1, 24, 72):
        errors = [forecast.at(hour)[lead - 1] for hour in range(4000)]
        spread = math.sqrt(fmean(error**2 for error in errors))
        assert spread == pytest.approx(deviation_k(lead), rel=0.15)


def test_a_forecast_is_revised_little_from_one_hour_to_the_next():
    forecast = Forecast([0.0] * (2000 + 72), Random(1))
    revisions = [forecast.at(hour)[30] - forecast.at(hour + 1)[29] for hour in range(1999)]
    # sqrt((2.5**2 - 0.5**2) / 71)
    assert math.sqrt(fmean(one**2 for one in revisions)) == pytest.approx(0.29, rel=0.1)


@pytest.mark.parametrize(
    ("month", "day", "hour", "price"),
    [
        (1, 6, 6, 0.076),
        (1, 6, 7, 0.158),
        (1, 6, 11, 0.122),
        (1, 6, 18, 0.158),
        (1, 6, 19, 0.076),
        (1, 5, 12, 0.076),  # a Sunday
        (7, 7, 7, 0.122),
        (7, 7, 11, 0.158),
        (10, 31, 11, 0.158),
        (11, 3, 11, 0.122),
    ],
)
def test_ontario_has_prices_by_the_time_of_use(month, day, hour, price):
    assert ontario(datetime(2025, month, day, hour, tzinfo=UTC)) == price


def test_a_heat_pump_delivers_more_when_it_is_mild():
    assert [heat_pump_cop(at) for at in (-30, -15, -7.5, 0, 5, 10, 20)] == [2, 2, 2.5, 3, 3.5, 4, 4]


@pytest.mark.parametrize(
    ("fuel", "price"),
    [("oil", 0.1443), ("gas", 0.0469), ("electric", 0.12), ("heat pump", 0.04)],
)
def test_heat_has_its_price(fuel, price):
    assert SCENARIOS[fuel].heat_price(0.12, 0.0) == pytest.approx(price, abs=5e-5)
