"""As much of JSON Schema as the agent's OpenAPI document uses."""

from datetime import datetime
from typing import Any

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def faults(
    value: Any, schema: dict[str, Any], document: dict[str, Any], at: str = "$"
) -> list[str]:
    """Return what is wrong with a value; fields that the schema does not name are wrong."""
    if "$ref" in schema:
        target: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            target = target[part]
        return faults(value, target, document, at)
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    fits = [kind for kind in kinds if isinstance(value, _TYPES[kind])]
    if isinstance(value, bool):
        fits = [kind for kind in fits if kind == "boolean"]
    if not fits:
        return [f"{at}: {value!r} is none of {kinds}"]
    found = []
    if isinstance(value, str) and value not in schema.get("enum", [value]):
        found.append(f"{at}: {value!r} is none of {schema['enum']}")
    if isinstance(value, str) and schema.get("format") == "date-time":
        datetime.fromisoformat(value)
    if isinstance(value, dict) and "properties" in schema:
        found += [f"{at}.{key}: missing" for key in schema["required"] if key not in value]
        for key, item in value.items():
            if key in schema["properties"]:
                found += faults(item, schema["properties"][key], document, f"{at}.{key}")
            else:
                found.append(f"{at}.{key}: not in the schema")
    if isinstance(value, list):
        for number, item in enumerate(value):
            found += faults(item, schema["items"], document, f"{at}[{number}]")
    return found
