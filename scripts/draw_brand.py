"""Draws the brand images: a graphics card whose heat rises. Run it after a change of the drawing.

.venv/bin/python scripts/draw_brand.py
"""

from itertools import pairwise
from math import cos, pi, sin
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

FOLDER = Path(__file__).parents[1] / "custom_components" / "gpu_heat" / "brand"
NAME = ("GPU Heat", "Reuse")

# The drawing has 256 units a side, and is made so many times as large as the larger icon.
_UNITS = 256
_SCALE = 16
_SIDE = _UNITS * _SCALE

# All of these stand out from a white page and from a black one.
_TOP, _BOTTOM = (255, 152, 0), (229, 57, 53)
_METAL = (120, 144, 156)
_CONTACT = (255, 193, 7)
_LIGHT, _DARK = (255, 243, 224), (110, 20, 24)

type Point = tuple[float, float]


def icon() -> Image.Image:
    """Return the icon at full size."""
    image = Image.new("RGBA", (_SIDE, _SIDE))
    draw = ImageDraw.Draw(image)
    for left, right in ((70, 112), (122, 196)):  # the contacts of the slot
        draw.rounded_rectangle(_box(left, 214, right, 238), radius=_px(5), fill=_CONTACT)
    warm = _shade()
    image.paste(warm, mask=_mask(_body))
    image.paste(warm, mask=_mask(_waves))
    draw.rounded_rectangle(_box(10, 98, 28, 246), radius=_px(7), fill=_METAL)  # the slot's bracket
    for centre in ((86, 163), (182, 163)):
        _fan(draw, centre)
    return image


def logo(height: int) -> Image.Image:
    """Return the icon and the name beside it, trimmed, `height` pixels high."""
    mark = icon()
    mark = mark.crop(mark.getbbox())
    font = ImageFont.load_default(size=_px(92))
    stroke = _px(2.4)  # the font has one weight, and it is light
    text = Image.new("L", (_SIDE * 3, mark.height))
    draw = ImageDraw.Draw(text)
    for line, middle in zip(NAME, (0.29, 0.76), strict=True):
        where = (stroke, mark.height * middle)
        draw.text(where, line, fill=255, font=font, anchor="lm", stroke_width=stroke)
    text = text.crop((0, 0, text.getbbox()[2], mark.height))
    gap = _px(26)
    whole = Image.new("RGBA", (mark.width + gap + text.width, mark.height))
    whole.paste(mark)
    whole.paste(_BOTTOM, (mark.width + gap, 0), mask=text)
    return whole.resize(
        (round(whole.width * height / whole.height), height), Image.Resampling.LANCZOS
    )


def _px(units: float) -> int:
    return round(units * _SCALE)


def _box(left: float, top: float, right: float, bottom: float) -> tuple[int, int, int, int]:
    return (_px(left), _px(top), _px(right), _px(bottom))


def _shade() -> Image.Image:
    """Return the whole area, from the colour of a flame's tip to that of embers."""
    column = Image.new("RGBA", (1, _SIDE))
    for y in range(_SIDE):
        part = y / _SIDE
        mixed = (round(a + (b - a) * part) for a, b in zip(_TOP, _BOTTOM, strict=True))
        column.putpixel((0, y), (*mixed, 255))
    return column.resize((_SIDE, _SIDE))


def _mask(paint) -> Image.Image:
    mask = Image.new("L", (_SIDE, _SIDE))
    paint(ImageDraw.Draw(mask))
    return mask


def _body(draw: ImageDraw.ImageDraw) -> None:
    draw.rounded_rectangle(_box(20, 108, 246, 218), radius=_px(18), fill=255)


def _waves(draw: ImageDraw.ImageDraw) -> None:
    """Three waves, the middle one the highest."""
    for x, top in ((76, 34), (134, 12), (192, 34)):
        _stroke(draw, [(x - 9 * sin((y - top) * 2 * pi / 54), y) for y in range(top, 90)], 8)


def _stroke(draw: ImageDraw.ImageDraw, points: list[Point], radius: float) -> None:
    """Draw a line with round ends and joints: a row of discs, so close that none shows."""
    for (x0, y0), (x1, y1) in pairwise(points):
        for step in range(8):
            x, y = x0 + (x1 - x0) * step / 8, y0 + (y1 - y0) * step / 8
            draw.ellipse(_box(x - radius, y - radius, x + radius, y + radius), fill=255)


def _fan(draw: ImageDraw.ImageDraw, centre: Point) -> None:
    x, y = centre
    draw.ellipse(_box(x - 44, y - 44, x + 44, y + 44), fill=_DARK)
    for blade in range(7):
        outline = _blade(centre, blade * 2 * pi / 7)
        draw.polygon([(_px(a), _px(b)) for a, b in outline], fill=_LIGHT)
    draw.ellipse(_box(x - 14, y - 14, x + 14, y + 14), fill=_DARK)
    draw.ellipse(_box(x - 11, y - 11, x + 11, y + 11), fill=_LIGHT)


def _blade(centre: Point, turn: float) -> list[Point]:
    """Return the outline of a blade that leans back as it goes out."""
    x, y = centre
    along = [step / 24 for step in range(25)]
    front = [(10 + 28 * part, turn + 0.9 * part) for part in along]
    tip = [(38, turn + 0.9 + 0.45 * part) for part in along]
    back = [(10 + 28 * part, turn + 0.5 + 0.85 * part) for part in reversed(along)]
    return [(x + r * cos(angle), y + r * sin(angle)) for r, angle in front + tip + back]


def main() -> None:
    """Write the four images."""
    drawn = icon()
    for name, size in (("icon", 256), ("icon@2x", 512)):
        _save(drawn.resize((size, size), Image.Resampling.LANCZOS), name)
    for name, height in (("logo", 128), ("logo@2x", 256)):
        _save(logo(height), name)


def _save(image: Image.Image, name: str) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    image.save(FOLDER / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
