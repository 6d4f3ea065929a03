"""Checks what the integration says about itself: manifest, translations, icons, brand images.

Asks what Home Assistant's hassfest and HACS ask of a custom integration, and that nothing is
translated that is not there. Prints one line a fault; the exit code is 1 if there is one.
"""

from collections.abc import Iterator
import json
from pathlib import Path
import re
import sys
from typing import Any

from PIL import Image
import yaml

INTEGRATION = Path(__file__).parents[1] / "custom_components" / "gpu_heat"

_MANIFEST_REQUIRED = {
    "codeowners",
    "config_flow",
    "dependencies",
    "documentation",
    "domain",
    "integration_type",
    "iot_class",
    "issue_tracker",
    "name",
    "requirements",
    "version",
}
_MANIFEST_OPTIONAL = {"after_dependencies", "loggers", "quality_scale", "zeroconf"}
_BRAND = {"icon": (256, 256), "icon@2x": (512, 512), "logo": (None, 128), "logo@2x": (None, 256)}
_PLACEHOLDER = re.compile(r"{(\w*)}")
_VERSION = re.compile(r"\d+\.\d+\.\d+((a|b|rc)\d+)?")

# Reasons that Home Assistant's own helpers give.
_REASONS = {"reauth_successful", "reconfigure_successful"}

type Tree = dict[str, Any]
type Faults = Iterator[str]


def main() -> int:
    """Print every fault and return the exit code."""
    faults = [fault for check in CHECKS for fault in check()]
    for fault in faults:
        print(fault)
    print(f"check_integration: {len(faults) or 'no'} fault{'' if len(faults) == 1 else 's'}")
    return 1 if faults else 0


def manifest() -> Faults:
    """Check the keys, their order, and that the version is the agent's too."""
    found = _json("manifest.json")
    keys = list(found)
    yield from _each("manifest.json lacks {}", _MANIFEST_REQUIRED - set(keys))
    known = _MANIFEST_REQUIRED | _MANIFEST_OPTIONAL
    yield from _each("manifest.json: {} is unknown to this check", set(keys) - known)
    if keys != ["domain", "name", *sorted(set(keys) - {"domain", "name"})]:
        yield "manifest.json: write domain and name first, then the other keys by the alphabet"
    if found.get("domain") != INTEGRATION.name:
        yield f"manifest.json: the domain is the folder's name, {INTEGRATION.name}"
    for key in ("documentation", "issue_tracker"):
        if not str(found.get(key)).startswith("https://"):
            yield f"manifest.json: {key} is no https address"
    version = str(found.get("version"))
    if not _VERSION.fullmatch(version):
        yield f"manifest.json: {version} is no version like 1.2.3"
    agent = re.search(r'__version__ = "(.+)"', _text("agent/__init__.py"))
    if agent is None or agent[1] != version:
        yield f"manifest.json: version {version} is not the agent's, {agent and agent[1]}"


def hacs() -> Faults:
    """Check what HACS reads at the root of the repository."""
    found = json.loads((INTEGRATION.parents[1] / "hacs.json").read_text())
    yield from _each("hacs.json lacks {}", {"homeassistant", "name"} - set(found))
    if found.get("name") != _json("manifest.json").get("name"):
        yield "hacs.json: the name is not the manifest's"


def texts() -> Faults:
    """Check each text as it is shown: no references, no addresses, whole placeholders."""
    for path in _languages():
        for key, text in _leaves(json.loads(path.read_text())):
            where = f"{path.name}: {key}"
            if not isinstance(text, str) or not text:
                yield f"{where} is no text"
            elif text != text.strip():
                yield f"{where} begins or ends with a space"
            elif "[%key:" in text:
                yield f"{where}: references are not resolved in a custom integration"
            elif "://" in text:
                yield f"{where}: give addresses as placeholders"
            elif text.count("{") != len(_PLACEHOLDER.findall(text)):
                yield f"{where} has half a placeholder"


def languages() -> Faults:
    """Check that other languages say what English says, with the same placeholders."""
    english = dict(_leaves(_json("translations/en.json")))
    for path in _languages():
        other = dict(_leaves(json.loads(path.read_text())))
        yield from _each(f"{path.name} lacks {{}}", english.keys() - other.keys())
        yield from _each(f"{path.name}: en.json lacks {{}}", other.keys() - english.keys())
        for key in english.keys() & other.keys():
            if set(_PLACEHOLDER.findall(english[key])) != set(_PLACEHOLDER.findall(other[key])):
                yield f"{path.name}: {key} has not the placeholders that en.json has"


def forms() -> Faults:
    """Check that a field that is described is named, and that the code has each step."""
    english = _json("translations/en.json")
    groups = [english.get("config", {}), english.get("options", {})]
    groups += english.get("config_subentries", {}).values()
    for group in groups:
        for name, step in group.get("step", {}).items():
            undescribed = set(step.get("data_description", {})) - set(step.get("data", {}))
            yield from _each(f"step {name}: {{}} is described and not named", undescribed)
        for kind in ("step", "error", "abort"):
            yield from _unused(
                f"translated {kind} {{}} is not in the code", set(group.get(kind, {})) - _REASONS
            )


def entities_and_exceptions() -> Faults:
    """Check that what the code refers to is translated, and what is translated is there."""
    english = _json("translations/en.json")
    entities = {key for keys in english.get("entity", {}).values() for key in keys}
    yield from _unused("translated entity {} is not in the code", entities)
    translated = entities
    for kind in ("device", "exceptions", "issues", "selector"):
        keys = english.get(kind, {})
        translated = translated | set(keys)
        if kind != "selector":  # those of actions are in services.yaml
            yield from _unused(f"translated {kind} {{}} is not in the code", keys)
    referred = set(re.findall(r'translation_key="(\w+)"', _code()))
    yield from _each("en.json lacks the translation key {}", referred - translated)


def actions() -> Faults:
    """Check that actions, fields and options are named and described, and have icons."""
    described = yaml.safe_load(_text("services.yaml"))
    english = _json("translations/en.json")
    texts_of = english.get("services", {})
    yield from _differences("actions", described, "services.yaml", texts_of, "en.json")
    icons = _json("icons.json").get("services", {})
    yield from _differences("actions", described, "services.yaml", icons, "icons.json")
    for name in described.keys() & texts_of.keys():
        fields, named = described[name].get("fields", {}), texts_of[name].get("fields", {})
        yield from _differences(f"fields of {name}", fields, "services.yaml", named, "en.json")
        for where, text in ((name, texts_of[name]), *named.items()):
            lacking = {"name", "description"} - set(text)
            yield from _each(f"action {name}: {where} lacks a {{}}", lacking)
        for field in fields.values():
            select = field.get("selector", {}).get("select") or {}
            if key := select.get("translation_key"):
                options = english.get("selector", {}).get(key, {}).get("options", {})
                lacking = set(select["options"]) - set(options)
                yield from _each(f"selector {key} lacks {{}}", lacking)


def automations() -> Faults:
    """Check that triggers, conditions and their fields are named and described, and have icons."""
    for kind in ("triggers", "conditions"):
        described = yaml.safe_load(_text(f"{kind}.yaml"))
        described = {key: item for key, item in described.items() if not key.startswith(".")}
        texts_of = _json("translations/en.json").get(kind, {})
        yield from _differences(kind, described, f"{kind}.yaml", texts_of, "en.json")
        yield from _differences(
            kind, described, f"{kind}.yaml", _json("icons.json").get(kind, {}), "icons.json"
        )
        for name in described.keys() & texts_of.keys():
            fields, named = described[name].get("fields", {}), texts_of[name].get("fields", {})
            yield from _differences(f"fields of {name}", fields, f"{kind}.yaml", named, "en.json")


def icons() -> Faults:
    """Check that an icon belongs to an entity and a state that there is."""
    english = _json("translations/en.json")["entity"]
    for platform, keys in _json("icons.json").get("entity", {}).items():
        for key, icon in keys.items():
            if key not in english.get(platform, {}):
                yield f"icons.json: en.json has no {platform} {key}"
                continue
            states = english[platform][key].get("state", {})
            shown = set(icon.get("state", {})) - {"on", "off"}
            yield from _each(f"icons.json: {key} has no state {{}}", shown - set(states))


def brand() -> Faults:
    """Check that the images have the sizes that are asked for, and no background."""
    for name, (width, height) in _BRAND.items():
        path = INTEGRATION / "brand" / f"{name}.png"
        if not path.exists():
            yield f"brand/{path.name} is missing"
            continue
        with Image.open(path) as image:
            if image.height != height or width not in {None, image.width}:
                yield f"brand/{path.name} has the size {image.size}"
            if image.mode != "RGBA" or image.getpixel((0, 0))[3] != 0:
                yield f"brand/{path.name} has a background"


CHECKS = (
    manifest,
    hacs,
    texts,
    languages,
    forms,
    entities_and_exceptions,
    actions,
    automations,
    icons,
    brand,
)


def _text(name: str) -> str:
    return (INTEGRATION / name).read_text()


def _json(name: str) -> Tree:
    tree: Tree = json.loads(_text(name))
    return tree


def _languages() -> list[Path]:
    return sorted((INTEGRATION / "translations").glob("*.json"))


def _code() -> str:
    """Return the code that runs in Home Assistant."""
    agent = INTEGRATION / "agent"
    paths = (path for path in INTEGRATION.rglob("*.py") if agent not in path.parents)
    return "\n".join(path.read_text() for path in sorted(paths))


def _leaves(tree: Tree, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _each(fault: str, keys: set[str]) -> Faults:
    return (fault.format(key) for key in sorted(keys))


def _unused(fault: str, keys: Tree | set[str]) -> Faults:
    words = set(re.findall(r"\w+", _code()))
    return _each(fault, set(keys) - words)


def _differences(what: str, these: Tree, here: str, those: Tree, there: str) -> Faults:
    yield from _each(f"{what}: {{}} is in {here} and not in {there}", these.keys() - those.keys())
    yield from _each(f"{what}: {{}} is in {there} and not in {here}", those.keys() - these.keys())


if __name__ == "__main__":
    sys.exit(main())
