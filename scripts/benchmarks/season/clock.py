"""The steps in which the simulation counts time."""

from datetime import timedelta

STEP = timedelta(minutes=15)
STEP_S = 900.0
STEP_H = 0.25
STEPS_PER_H = 4
STEPS_PER_DAY = 96
