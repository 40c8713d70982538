"""From the bytes of a picture to its pixels: upright, opaque, in RGB. Hostile files are refused by their heads."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass

from PIL import Image, ImageOps, UnidentifiedImageError

from lsrv.errors import RequestError

MAX_PIXELS = 64 * 1024 * 1024
MAX_EDGE = 16384
_FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
_WHITE = (255, 255, 255)


@dataclass(frozen=True, slots=True)
class Picture:
    width: int
    height: int
    rgb: bytes  # width * height * 3

    @staticmethod
    def of(data: bytes, place: str) -> Picture:
        """The first frame of a PNG, JPEG, WebP, GIF or BMP: turned as EXIF says, on white where it is transparent.

        Raises RequestError that names `place`.
        """
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                opened = Image.open(io.BytesIO(data), formats=_FORMATS)
            _check_size(opened.size, place)
            opened.load()
            upright = ImageOps.exif_transpose(opened)
            image = _on_white(upright)
        except UnidentifiedImageError:
            raise RequestError(
                f"{place} is no picture that can be read here; send PNG, JPEG, WebP, GIF or BMP", param=place
            ) from None
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise _too_large(place) from None
        except (OSError, ValueError, SyntaxError, EOFError, MemoryError, IndexError, OverflowError) as error:
            # Decoders raise what they like; whatever it is, it is this picture.
            raise RequestError(f"{place}: the picture is broken ({_first_line(error)})", param=place) from None
        return Picture(image.width, image.height, image.tobytes())


def _check_size(size: tuple[int, int], place: str) -> None:
    width, height = size
    if width < 1 or height < 1 or max(size) > MAX_EDGE or width * height > MAX_PIXELS:
        raise _too_large(place, f"{width} by {height}; ")


def _too_large(place: str, size: str = "") -> RequestError:
    return RequestError(
        f"{place}: the picture is too large ({size}up to {MAX_EDGE} pixels an edge and {MAX_PIXELS // 2**20} million "
        "in all are read); make it smaller",
        param=place,
    )


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I;16N", "I"):  # 16 bits of grey: convert() would clip them
        image = image.convert("I").point(lambda value: value / 256).convert("L")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        layered = image.convert("RGBA")
        ground = Image.new("RGBA", layered.size, (*_WHITE, 255))
        return Image.alpha_composite(ground, layered).convert("RGB")
    return image.convert("RGB")


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:120] or type(error).__name__
