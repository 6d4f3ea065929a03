"""What is asked of the plan: the power of jobs is theirs, and of what goes on without them."""

from homeassistant.util import dt as dt_util
import pytest

from custom_components.gpu_heat.agent.models import JobState
from custom_components.gpu_heat.control.usual import UsualWeather
from custom_components.gpu_heat.control_memory import ControlMemory
from custom_components.gpu_heat.expectation import Forecast
from custom_components.gpu_heat.heat.seasons import Season
from custom_components.gpu_heat.inquiry import Inquiry

from .conftest import zone_entry
from .scripted_agent import GPU


@pytest.fixture
def entry(agent):
    """A zone with one job of four hours on a GPU that draws 450 W."""
    agent.forget("index")
    agent.job("train", devices=(GPU,), remaining_s=4 * 3600)
    return zone_entry(agent, seasons={"outdoor_temperature": "sensor.outdoor"})


@pytest.fixture
def other_w(hass, entry):
    """Return the power in W of what goes on beside the planned jobs."""

    def ask():
        hass.states.async_set("sensor.outdoor", 5, {"unit_of_measurement": "°C"})
        data, now = entry.runtime_data, dt_util.utcnow()
        memory, sources = ControlMemory(usual=UsualWeather(45.5)), data.sources.values()
        inquiry = Inquiry(
            data.zone, sources, memory, Forecast(), now, season=Season.HEATING, said=None
        )
        return inquiry.question.ahead.other_w

    return ask


async def test_what_a_job_draws_while_it_runs_or_holds_its_gpu_goes_on_with_it_alone(
    hass, agent, entry, setup, poll, other_w
):
    hass.states.async_set("sensor.outdoor", 5, {"unit_of_measurement": "°C"})
    await setup(entry)
    await poll()
    assert other_w() == pytest.approx(0)  # 450 W, all of them the job's

    agent.job("train", state=JobState.PAUSED, paused_by_us=True)
    agent.gpu(power_w=98.0, utilization=0.0)
    for _ in range(13):  # two minutes, after which what is held is known
        await poll()
    assert other_w() == pytest.approx(0)

    agent.gpu(power_w=298.0, utilization=0.0)  # somebody else takes 200 W
    await poll()
    assert 150 < other_w() <= 200  # what is held is learned anew, little by little
