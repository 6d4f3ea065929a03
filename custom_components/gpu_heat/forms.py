"""What all forms share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from homeassistant.config_entries import ConfigEntry
from homeassistant.const import CONF_NAME
from homeassistant.helpers import selector
import voluptuous as vol

from .const import CONF_COP, CONF_COP_CURVE, CONF_TEMPERATURE, CONF_ZONE


@dataclass(slots=True)
class Findings:
    """What is wrong in a form, by field, and the figures that the texts name."""

    errors: dict[str, str] = field(default_factory=dict)
    placeholders: dict[str, str] = field(default_factory=dict)

    def refuse(self, name: str, text: str, **placeholders: object) -> None:
        """Say that a field is wrong; the first finding of a field counts.

        All texts share one set of placeholders: of two that would need other figures for the
        same ones, the second waits for the next submit.
        """
        figures = {key: str(value) for key, value in placeholders.items()}
        shared = figures.keys() & self.placeholders.keys()
        if name in self.errors or any(self.placeholders[key] != figures[key] for key in shared):
            return
        self.errors[name] = text
        self.placeholders |= figures

    def within(self, form: vol.Schema) -> dict[str, str]:
        """Return the errors for a form that has not all of the fields."""
        return {name if name in form.schema else "base": text for name, text in self.errors.items()}

    def add(self, other: Findings) -> None:
        """Take over the findings of another part of the form."""
        for name, text in other.errors.items():
            self.refuse(name, text, **other.placeholders)


def number(
    *, most: float, unit: str | None = None, least: float = 0, step: float | Literal["any"] = "any"
) -> selector.NumberSelector:
    """Return a selector for a number."""
    config = selector.NumberSelectorConfig(
        min=least, max=most, step=step, mode=selector.NumberSelectorMode.BOX
    )
    if unit:
        config["unit_of_measurement"] = unit
    return selector.NumberSelector(config)


def choice(options: list[str], key: str, *, multiple: bool = False) -> selector.SelectSelector:
    """Return a selector for one or some of a list, named by a translation key."""
    return selector.SelectSelector(
        selector.SelectSelectorConfig(
            options=options,
            translation_key=key,
            multiple=multiple,
            mode=selector.SelectSelectorMode.DROPDOWN,
        )
    )


def entity(*domains: str, device_class: str | None = None) -> selector.EntitySelector:
    """Return a selector for an entity of some domains; `device_class` is that of sensors."""
    filters = [selector.EntityWithDeviceFilterSelectorConfig(domain=domain) for domain in domains]
    if device_class and domains:
        filters[0]["device_class"] = device_class
    return selector.EntitySelector(selector.EntitySelectorConfig(filter=filters))


def rows(
    key: str, fields: dict[str, selector.Selector[Any]], *, label: str, description: str
) -> selector.ObjectSelector:
    """Return a selector for a list of rows, named by a translation key.

    A row is shown by two of its fields. None is required: the frontend would fill a required
    number in with the least that it may be. `check_rows` refuses what is incomplete.
    """
    return selector.ObjectSelector(
        selector.ObjectSelectorConfig(
            fields={
                name: {"selector": item.serialize()["selector"]} for name, item in fields.items()
            },
            multiple=True,
            label_field=label,
            description_field=description,
            translation_key=key,
        )
    )


def check_rows(
    found: Findings, user_input: Mapping[str, Any], name: str, *needed: str
) -> list[dict[str, Any]]:
    """Return the rows of a list, none if one of them lacks a field that is needed."""
    given: list[dict[str, Any]] = user_input.get(name) or []
    for row in given:
        for field_name in needed:
            if row.get(field_name) is None:
                found.refuse(name, "row_incomplete", missing=field_name)
                return []
    return given


COP_CURVE = rows(
    CONF_COP_CURVE,
    {CONF_TEMPERATURE: number(least=-60, most=60, unit="°C"), CONF_COP: number(most=20)},
    label=CONF_TEMPERATURE,
    description=CONF_COP,
)


def check_cop_curve(found: Findings, user_input: Mapping[str, Any], *, outdoor: str | None) -> None:
    """Refuse a curve with a COP that cannot be, or two of them, or that nothing would follow."""
    points = check_rows(found, user_input, CONF_COP_CURVE, CONF_TEMPERATURE, CONF_COP)
    if any(not 1 <= point[CONF_COP] <= 20 for point in points):
        found.refuse(CONF_COP_CURVE, "cop_below_1")
    if len({point[CONF_TEMPERATURE] for point in points}) < len(points):
        found.refuse(CONF_COP_CURVE, "temperature_twice")
    if points and outdoor is None:
        found.refuse(CONF_COP_CURVE, "outdoor_missing")


NAME_FORM = vol.Schema({vol.Required(CONF_NAME): selector.TextSelector()})
NEW_ZONE = "new"


def which_zone_form(zones: Mapping[str, ConfigEntry]) -> vol.Schema:
    """Return a form that asks for one of the zones, by entry id, or for a new one."""
    options = [
        selector.SelectOptionDict(value=key, label=entry.title) for key, entry in zones.items()
    ]
    options.append(selector.SelectOptionDict(value=NEW_ZONE, label=NEW_ZONE))
    return vol.Schema(
        {
            vol.Required(CONF_ZONE, default=options[0]["value"]): selector.SelectSelector(
                selector.SelectSelectorConfig(options=options, translation_key=CONF_ZONE)
            )
        }
    )
