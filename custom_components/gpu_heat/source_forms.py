"""The forms for sources, by kind, and what is refused in them."""

from collections.abc import Mapping
import re
from typing import Any

from homeassistant.const import (
    CONF_HOST,
    CONF_ID,
    CONF_NAME,
    CONF_PASSWORD,
    CONF_PORT,
    CONF_TOKEN,
    CONF_URL,
    CONF_USERNAME,
    CONF_VERIFY_SSL,
)
from homeassistant.core import HomeAssistant, State
from homeassistant.data_entry_flow import section
from homeassistant.helpers import entity_registry as er, selector
from homeassistant.util import slugify
from homeassistant.util.ulid import ulid_now
import voluptuous as vol

from .const import (
    CONF_CA,
    CONF_CAPTURE,
    CONF_CAPTURE_ENTITY,
    CONF_CIRCUIT_CURRENT,
    CONF_CIRCUIT_VOLTAGE,
    CONF_ENERGY,
    CONF_FINGERPRINT,
    CONF_JOBS,
    CONF_KIND,
    CONF_LABEL,
    CONF_MAX_GAP,
    CONF_METERS,
    CONF_METRIC,
    CONF_METRIC_LABEL,
    CONF_METRIC_UNIT,
    CONF_PIDFILE,
    CONF_PLUG_ENERGY,
    CONF_PLUG_POWER,
    CONF_POWER,
    CONF_TLS,
    DOMAIN,
    KIND_AGENT,
)
from .forms import Findings, check_rows, entity, number, rows
from .inputs import known, read_energy_j, read_fraction, read_power_w
from .source_kinds import MAX_GAP_S, meter_entities
from .sources.dialects import CustomUnit

# Parts of forms that are folded at first; what is wrong in one is said above it.
CONF_ACCESS = "access"
CONF_CUSTOM = "custom"
CONF_PLACEMENT = "placement"

_TEXT = vol.All(selector.TextSelector(), vol.Strip, vol.Length(min=1))
_PASSWORD = vol.All(
    selector.TextSelector(selector.TextSelectorConfig(type=selector.TextSelectorType.PASSWORD)),
    vol.Strip,
)
_SENSOR = entity("sensor")
_CREDENTIALS: dict[vol.Marker, Any] = {
    vol.Optional(CONF_TOKEN): _PASSWORD,
    vol.Optional(CONF_USERNAME): selector.TextSelector(),
    vol.Optional(CONF_PASSWORD): _PASSWORD,
}
_PLACE = {
    vol.Optional(CONF_CAPTURE, default=100): number(most=100, unit="%"),
    vol.Optional(CONF_CAPTURE_ENTITY): entity(
        "sensor",
        "binary_sensor",
        "cover",
        "input_boolean",
        "input_number",
        "number",
        "switch",
        "valve",
    ),
    vol.Optional(CONF_CIRCUIT_CURRENT): number(most=1000, unit="A"),
    vol.Optional(CONF_CIRCUIT_VOLTAGE): number(most=1000, unit="V"),
}
_PLUG = {vol.Optional(CONF_PLUG_POWER): _SENSOR, vol.Optional(CONF_PLUG_ENERGY): _SENSOR}


def _form(fields: dict[vol.Marker, Any], *, plug: bool) -> vol.Schema:
    """Return a form that ends with where the source stands and what else meters it."""
    placement = vol.Schema({**(_PLUG if plug else {}), **_PLACE})
    return vol.Schema(
        {
            **fields,
            vol.Optional(CONF_PLACEMENT): section(placement, {"collapsed": True}),
        }
    )


AGENT_FORM = _form(
    {
        vol.Required(CONF_HOST): _TEXT,
        vol.Required(CONF_PORT): number(least=1, most=65535, step=1),
        vol.Required(CONF_TOKEN): _PASSWORD,
        vol.Required(CONF_TLS): selector.BooleanSelector(),
        vol.Optional(CONF_FINGERPRINT): vol.All(selector.TextSelector(), vol.Strip),
    },
    plug=True,
)
PROMETHEUS_FORM = _form(
    {
        vol.Required(CONF_URL): _TEXT,
        vol.Optional(CONF_ACCESS): section(
            vol.Schema(
                {
                    **_CREDENTIALS,
                    vol.Required(CONF_VERIFY_SSL, default=True): selector.BooleanSelector(),
                    vol.Optional(CONF_CA): selector.TextSelector(
                        selector.TextSelectorConfig(multiline=True)
                    ),
                }
            ),
            {"collapsed": True},
        ),
        vol.Optional(CONF_CUSTOM): section(
            vol.Schema(
                {
                    vol.Optional(CONF_METRIC): selector.TextSelector(),
                    vol.Optional(CONF_METRIC_UNIT): selector.SelectSelector(
                        selector.SelectSelectorConfig(
                            options=list(CustomUnit), mode=selector.SelectSelectorMode.DROPDOWN
                        )
                    ),
                    vol.Optional(CONF_METRIC_LABEL): selector.TextSelector(),
                }
            ),
            {"collapsed": True},
        ),
    },
    plug=True,
)
NVML_FORM = _form(
    {
        vol.Optional(CONF_JOBS): rows(
            CONF_JOBS,
            {CONF_NAME: selector.TextSelector(), CONF_PIDFILE: selector.TextSelector()},
            label=CONF_NAME,
            description=CONF_PIDFILE,
        )
    },
    plug=True,
)
ENTITIES_FORM = _form(
    {
        vol.Required(CONF_NAME): _TEXT,
        vol.Required(CONF_METERS): rows(
            CONF_METERS,
            {CONF_LABEL: selector.TextSelector(), CONF_POWER: _SENSOR, CONF_ENERGY: _SENSOR},
            label=CONF_LABEL,
            description=CONF_POWER,
        ),
        vol.Required(CONF_MAX_GAP, default=MAX_GAP_S): number(least=10, most=86400, unit="s"),
    },
    plug=False,
)


def credentials_form(data: Mapping[str, Any]) -> vol.Schema:
    """Return a form for what lets Home Assistant in at a source."""
    if data[CONF_KIND] == KIND_AGENT:
        return vol.Schema({vol.Required(CONF_TOKEN): _PASSWORD})
    return vol.Schema(_CREDENTIALS)


def with_credentials(data: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a source's data with other credentials, and none of those that it had."""
    kept = {key: value for key, value in data.items() if key not in _CREDENTIALS}
    return {**kept, **given}


def from_form(form: vol.Schema, user_input: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a form says as flat data; a folded part that was left out is as it begins."""
    flat: dict[str, Any] = {}
    for key, field in form.schema.items():
        if isinstance(field, section):
            flat |= user_input.get(key, field.schema({}))
        elif key in user_input:
            flat[str(key)] = user_input[key]
    return flat


def to_form(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return flat data as what a form shows."""
    return {**data, CONF_ACCESS: data, CONF_CUSTOM: data, CONF_PLACEMENT: data}


def placement_findings(
    hass: HomeAssistant, data: Mapping[str, Any], *, subentry_id: str | None
) -> Findings:
    """Return what is wrong in where a source stands; said at its section, which may be folded.

    `subentry_id` is of the source itself, where it exists already.
    """
    found = Findings()
    if entity_id := data.get(CONF_CAPTURE_ENTITY):
        state = hass.states.get(entity_id)
        if state is None:
            found.refuse(CONF_PLACEMENT, "source_entity_missing", entity=entity_id)
        elif known(state) and read_fraction(state) is None:
            found.refuse(CONF_PLACEMENT, "not_an_opening", state=state.state)
    if (CONF_CIRCUIT_CURRENT in data) != (CONF_CIRCUIT_VOLTAGE in data):
        found.refuse(CONF_PLACEMENT, "circuit_incomplete")
    for key in (CONF_PLUG_POWER, CONF_PLUG_ENERGY):
        if entity_id := data.get(key):
            _check_meter(found, CONF_PLACEMENT, hass, key, entity_id, subentry_id)
    return found


def meters_findings(
    hass: HomeAssistant, data: Mapping[str, Any], *, subentry_id: str | None
) -> Findings:
    """Return what is wrong in the list of entities that meter something."""
    found = Findings()
    meters = check_rows(found, data, CONF_METERS)
    if not meters:
        found.refuse(CONF_METERS, "meters_missing")
    named = []
    for row in meters:
        given = {key: row[key] for key in (CONF_POWER, CONF_ENERGY) if row.get(key)}
        if not given:
            found.refuse(CONF_METERS, "meter_without_entity", meter=row.get(CONF_LABEL, ""))
        for key, entity_id in given.items():
            named.append(entity_id)
            _check_meter(found, CONF_METERS, hass, key, entity_id, subentry_id)
    for entity_id in named:
        if named.count(entity_id) > 1:
            found.refuse(CONF_METERS, "entity_twice", entity=entity_id)
    return found


def named_meters(
    hass: HomeAssistant, given: list[dict[str, Any]], before: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return rows with a label and an id each; one with the same entities is the same meter."""
    ids = {(row.get(CONF_POWER), row.get(CONF_ENERGY)): row[CONF_ID] for row in before}
    named = []
    for row in given:
        entities = {key: row[key] for key in (CONF_POWER, CONF_ENERGY) if row.get(key)}
        state = hass.states.get(next(iter(entities.values())))
        named.append(
            {
                CONF_ID: ids.get((row.get(CONF_POWER), row.get(CONF_ENERGY))) or ulid_now(),
                CONF_LABEL: row.get(CONF_LABEL) or (_thing(state.name) if state else ""),
                **entities,
            }
        )
    return named


def _thing(name: str) -> str:
    """Return what a sensor is of, by the name of the sensor."""
    return re.sub(r"(?i)(?<=\S)\s+(power|energy)$", "", name)


def prometheus_findings(data: Mapping[str, Any]) -> Findings:
    """Return what is wrong in how a page is reached and read."""
    found = Findings()
    if CONF_TOKEN in data and CONF_USERNAME in data:
        found.refuse(CONF_ACCESS, "token_and_user")
    if (CONF_USERNAME in data) != (CONF_PASSWORD in data):
        found.refuse(CONF_ACCESS, "user_incomplete")
    if (CONF_METRIC in data) != (CONF_METRIC_UNIT in data) or (
        CONF_METRIC_LABEL in data and CONF_METRIC not in data
    ):
        found.refuse(CONF_CUSTOM, "metric_incomplete")
    return found


def jobs_findings(data: Mapping[str, Any]) -> Findings:
    """Return what is wrong in the list of processes."""
    found = Findings()
    jobs = check_rows(found, data, CONF_JOBS, CONF_NAME, CONF_PIDFILE)
    names = [slugify(row[CONF_NAME]) for row in jobs]
    if len(set(names)) < len(names):
        found.refuse(CONF_JOBS, "job_twice")
    for row in jobs:
        if not row[CONF_PIDFILE].startswith("/"):
            found.refuse(CONF_JOBS, "pidfile_relative", path=row[CONF_PIDFILE])
    return found


def named_jobs(given: list[dict[str, Any]], before: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows with an id each; one with the same PID file is the same job."""
    ids = {row[CONF_PIDFILE]: row[CONF_ID] for row in before}
    return [
        {
            CONF_ID: ids.get(row[CONF_PIDFILE]) or slugify(row[CONF_NAME])[:64],
            CONF_NAME: row[CONF_NAME],
            CONF_PIDFILE: row[CONF_PIDFILE],
        }
        for row in given
    ]


def with_fingerprint(found: Findings, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an agent's data with token and fingerprint in their plain form.

    Both lines of `gpu-heat-agent token` may have been pasted as the token, with the end of
    the line lost. What is no SHA-256 is refused.
    """
    data = dict(data)
    token, _, rest = data[CONF_TOKEN].partition(" ")
    if pasted := re.fullmatch(r"([A-Za-z0-9_-]{32,})\s*([0-9a-f]{64})", data[CONF_TOKEN]):
        token, rest = pasted[1], pasted[2]
    data[CONF_TOKEN] = token
    given = data.pop(CONF_FINGERPRINT, "") or rest
    plain = re.sub(r"[\s:]", "", given).lower().removeprefix("sha256")
    if plain and not re.fullmatch(r"[0-9a-f]{64}", plain):
        found.refuse(CONF_FINGERPRINT, "fingerprint_malformed")
    elif plain and data[CONF_TLS]:
        data[CONF_FINGERPRINT] = plain
    return data


def _check_meter(
    found: Findings,
    name: str,
    hass: HomeAssistant,
    key: str,
    entity_id: str,
    subentry_id: str | None,
) -> None:
    """Refuse an entity that is none, says something else, is ours, or is counted already."""
    state = hass.states.get(entity_id)
    entry = er.async_get(hass).async_get(entity_id)
    if state is None and entry is None:
        found.refuse(name, "source_entity_missing", entity=entity_id)
    elif entry and entry.platform == DOMAIN:
        found.refuse(name, "entity_ours", entity=entity_id)
    elif other := _metered_by(hass, entity_id, but=subentry_id):
        found.refuse(name, "entity_in_use", entity=entity_id, other=other)
    elif known(state) and state and not _says(key, state):
        text = "not_a_power" if key in (CONF_POWER, CONF_PLUG_POWER) else "not_an_energy_meter"
        found.refuse(name, text, entity=entity_id)


def _says(key: str, state: State) -> bool:
    if key in (CONF_POWER, CONF_PLUG_POWER):
        return read_power_w(state) is not None
    return read_energy_j(state) is not None


def _metered_by(hass: HomeAssistant, entity_id: str, *, but: str | None) -> str | None:
    """Return the title of another source that is metered by an entity."""
    for entry in hass.config_entries.async_entries(DOMAIN):
        for subentry in entry.subentries.values():
            if subentry.subentry_id != but and entity_id in meter_entities(subentry.data):
                return subentry.title
    return None
