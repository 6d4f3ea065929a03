"""scripts/demo as a program: what it prints, how it ends, that it leaves nothing behind."""

import json
import signal
import socket
from typing import Any

import pytest

from .harness import STOP_PATIENCE_S, Sandbox, free_ports

BTU_PER_WH = 3.412141633


def test_once_prints_a_zone_whose_figures_agree(sandbox: Sandbox) -> None:
    result = sandbox.run("--once", "--json")

    assert result.returncode == 0, result.stderr
    printed = json.loads(result.stdout)
    assert printed.keys() == {
        "url",
        "username",
        "password",
        "agent_url",
        "agent_token",
        "states",
    }
    assert printed["url"] == f"http://127.0.0.1:{sandbox.port}"
    assert (printed["username"], printed["password"]) == ("demo", "demo")
    assert printed["agent_url"] == f"http://127.0.0.1:{sandbox.agent_port}"
    assert len(printed["agent_token"]) >= 43  # 256 bits

    states: dict[str, dict[str, Any]] = printed["states"]
    empty = {i for i, s in states.items() if s["state"] in {"unknown", "unavailable"}}
    jobs = ("basement_server_fine_tuning", "basement_server_embeddings")
    unplanned = {f"number.{job}_remaining_work" for job in jobs}  # it takes a minute to know that
    unplanned |= {f"binary_sensor.{job}_deadline_at_risk" for job in jobs}
    unplanned |= {"sensor.house_forecast_saving", f"datetime.{jobs[0]}_deadline"}
    untouched = ("event.", "button.")  # nothing has happened yet
    assert {i for i in empty if not i.startswith(untouched)} == unplanned

    def value(key: str) -> float:
        return float(states[f"sensor.house_{key}"]["state"])

    assert value("power") == 700
    assert value("heat_output") == pytest.approx(700 * BTU_PER_WH)
    assert states["sensor.house_heat_output"]["attributes"]["unit_of_measurement"] == "BTU/h"
    assert states["sensor.house_season"]["state"] == "heating"
    assert value("energy") > 0
    assert value("electricity_cost") == pytest.approx(value("energy") * 0.0718, abs=1e-8)
    litres = value("energy") / (0.85 * 10.6)
    assert value("fuel_displaced") == pytest.approx(litres, abs=1e-8)
    assert value("heat_value") == pytest.approx(litres * 1.30, abs=1e-8)
    assert value("cooling_cost") == 0
    assert value("net_cost") == pytest.approx(
        value("electricity_cost") - value("heat_value"), abs=1e-8
    )
    # 1.30 CAD / (0.85 * 10.6 kWh) = 0.144284 CAD of oil by kWh of heat, 0.0718 CAD by kWh used
    assert value("offset_ratio") == pytest.approx(200.953, abs=0.1)
    assert states["select.house_season_mode"]["state"] == "auto"
    switches = {i: s["state"] for i, s in states.items() if i.startswith("switch.")}
    assert switches == {
        "switch.basement_server_embeddings_running": "on",
        "switch.basement_server_fine_tuning_running": "on",
        "switch.house_automatic_control": "off",
    }
    assert states["sensor.house_heat_demand"]["state"] == "45.2"  # %: 0.6 * 0.5 K + 0.01 * 15.2 K
    assert_nothing_left(sandbox)


def test_once_prints_a_table_and_keeps_a_folder_that_was_asked_for(sandbox: Sandbox) -> None:
    folder = sandbox.folder / "kept"

    result = sandbox.run("--once", "--dir", str(folder))

    assert result.returncode == 0, result.stderr
    assert "House Power" in result.stdout
    assert "700.0 W" in result.stdout
    assert (folder / "home" / "configuration.yaml").exists()
    assert sandbox.processes() == []


def test_a_terminated_demo_leaves_nothing_behind(sandbox: Sandbox) -> None:
    with sandbox.start("--once", until="setting the zone up") as demo:
        assert sandbox.processes() != []

        demo.send_signal(signal.SIGTERM)

        assert demo.wait(STOP_PATIENCE_S) == 128 + signal.SIGTERM
    assert_nothing_left(sandbox)


def test_a_port_in_use_is_named_with_the_remedy(sandbox: Sandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = Sandbox(folder=sandbox.folder, port=port, agent_port=free_ports(1)[0]).run()

    assert result.returncode == 1
    assert f"port {port}" in result.stderr
    assert "--port" in result.stderr
    assert result.stdout == ""


def test_json_goes_with_once(sandbox: Sandbox) -> None:
    result = sandbox.run("--json")

    assert result.returncode == 2
    assert "--once" in result.stderr


def assert_nothing_left(sandbox: Sandbox) -> None:
    """Fail where a process or a file of the demo is still there."""
    assert sandbox.processes() == []
    assert list(sandbox.folder.iterdir()) == []
