"""Diagnostics tell no secrets."""

import json

from pytest_homeassistant_custom_component.components.diagnostics import (
    get_diagnostics_for_config_entry,
)

from .scripted_agent import GPU, TOKEN


async def test_diagnostics_hold_settings_and_readings_but_no_secret(
    hass, hass_client, agent, entry
):
    entry.add_to_hass(hass)
    await hass.config_entries.async_setup(entry.entry_id)
    await hass.async_block_till_done()
    document = await get_diagnostics_for_config_entry(hass, hass_client, entry)
    (source,) = document["sources"]
    assert document["options"]["electricity"] == {
        "tariff": "fixed",
        "electricity_price": 0.0718,
        "currency": "CAD",
    }
    assert (source["online"], source["last"]["devices"][0]["power_w"]) == (True, 450)
    text = json.dumps(document)
    for secret in (TOKEN, GPU, agent.address["host"], agent.id):
        assert secret not in text
