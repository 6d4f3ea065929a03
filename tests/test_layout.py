"""The direction of imports: nothing imports upwards."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "custom_components" / "gpu_heat"
# What each part may import of the integration, besides itself; the glue may all.
MAY_IMPORT = {
    "agent": set(),
    "heat": set(),
    "control": {"heat"},
    "sources": {"agent"},
}


def imports(path):
    """Yield what a file imports, as absolute names; ours begin with "gpu_heat."."""
    package = ["gpu_heat", *path.relative_to(ROOT).parent.parts]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (item.name for item in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f"{module}.{item.name}" for item in node.names)


@pytest.mark.parametrize("part", MAY_IMPORT)
def test_a_part_imports_only_what_lies_below_it(part):
    for path in (ROOT / part).rglob("*.py"):
        for name in imports(path):
            assert not name.startswith(("homeassistant", "custom_components")), path
            if name.startswith("gpu_heat."):
                assert name.split(".")[1] in MAY_IMPORT[part] | {part}, f"{path} imports {name}"


@pytest.mark.parametrize("part", ["heat", "control"])
def test_what_is_pure_has_no_way_to_the_world(part):
    effects = {"asyncio", "aiohttp", "os", "pathlib", "socket", "subprocess", "time", "logging"}
    for path in (ROOT / part).rglob("*.py"):
        assert not {name.split(".")[0] for name in imports(path)} & effects, path
