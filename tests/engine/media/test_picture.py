"""From files of all kinds, whole and hostile, to pixels."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from lsrv.engine.media.picture import MAX_EDGE, Picture
from lsrv.errors import RequestError

RED = (255, 0, 0)


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    written = io.BytesIO()
    image.save(written, kind, **options)
    return written.getvalue()


def pixel(data: bytes, x: int = 0, y: int = 0) -> tuple[int, ...]:
    picture = Picture.of(data, "here")
    at = 3 * (y * picture.width + x)
    return tuple(picture.rgb[at : at + 3])


def png_head(width: int, height: int) -> bytes:
    """A few bytes that claim to be a picture of that size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9))) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP"])
def test_files_without_loss_keep_their_pixels(kind: str) -> None:
    assert pixel(file_of(Image.new("RGB", (3, 2), RED), kind)) == RED


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_photographs_are_about_right(kind: str) -> None:
    red, green, blue = pixel(file_of(Image.new("RGB", (32, 32), RED), kind), 16, 16)
    assert red > 240 and green < 20 and blue < 20


def test_what_is_transparent_lies_on_white() -> None:
    assert pixel(file_of(Image.new("RGBA", (1, 1), (255, 0, 0, 0)), "PNG")) == (255, 255, 255)
    assert pixel(file_of(Image.new("LA", (1, 1), (0, 0)), "PNG")) == (255, 255, 255)


def test_other_depths_and_colours_become_rgb() -> None:
    assert pixel(file_of(Image.new("I;16", (2, 2), 65535), "PNG")) == (255, 255, 255)
    assert pixel(file_of(Image.new("I;16", (2, 2), 32768), "PNG")) == (128, 128, 128)
    assert pixel(file_of(Image.new("1", (2, 2), 1), "PNG")) == (255, 255, 255)
    red, green, _ = pixel(file_of(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "JPEG"), 8, 8)
    assert red > 240 and green < 20


def test_a_camera_that_lay_on_its_side_is_turned() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    picture = Picture.of(file_of(Image.new("RGB", (40, 20), RED), "JPEG", exif=exif), "here")
    assert (picture.width, picture.height) == (20, 40)


def test_of_what_moves_the_first_picture_is_seen() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (RED, (0, 0, 255))]
    assert pixel(file_of(frames[0], "GIF", save_all=True, append_images=frames[1:])) == RED


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no picture"),
        (b"GIF89a", "no picture|broken"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
        (b"%PDF-1.7", "no picture"),
        (bytes(range(256)) * 8, "no picture"),
        (file_of(Image.new("RGB", (64, 64), RED), "PNG")[:-40], "broken"),
        (file_of(Image.effect_noise((64, 64), 9), "JPEG")[:400], "broken"),
        (png_head(65535, 65535), "too large"),
        (png_head(MAX_EDGE + 1, 1), "too large"),
        (png_head(100_000, 1), "too large"),
        (png_head(2**31 - 1, 2**31 - 1), "too large|broken|no picture"),
    ],
)
def test_hostile_and_broken_files_are_refused_by_their_place(data: bytes, words: str) -> None:
    with pytest.raises(RequestError, match=words) as caught:
        Picture.of(data, "messages[0].content[1]")
    assert caught.value.param == "messages[0].content[1]"


def test_every_cut_of_a_file_is_a_picture_or_refused() -> None:
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP"):
        whole = file_of(Image.effect_noise((24, 24), 50), kind)
        for end in range(0, len(whole), max(1, len(whole) // 60)):
            try:
                Picture.of(whole[:end], "here")
            except RequestError as error:
                assert error.param == "here"
