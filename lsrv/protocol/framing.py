"""Frames: a 4-byte little-endian length, then one msgpack message. Both directions, one socket pair."""

from __future__ import annotations

import struct

import msgspec

from lsrv.protocol.commands import Command
from lsrv.protocol.events import Event

MAX_FRAME_BYTES = 256 * 1024 * 1024

_LENGTH = struct.Struct("<I")
_command_encoder = msgspec.msgpack.Encoder()
_event_encoder = msgspec.msgpack.Encoder()


def encode_command(command: Command) -> bytes:
    """One frame that carries `command`."""
    return framed(_command_encoder.encode(command))


def encode_event(event: Event) -> bytes:
    """One frame that carries `event`."""
    return framed(_event_encoder.encode(event))


def framed(body: bytes) -> bytes:
    """The frame around one encoded message."""
    return _LENGTH.pack(len(body)) + body


command_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
event_decoder: msgspec.msgpack.Decoder[Event] = msgspec.msgpack.Decoder(Event)


class FrameSplitter:
    """Cuts a byte stream into frame bodies. Feed it what the socket gave; iterate over what is complete."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """Every body completed by `data`, in order. Raises ValueError on a length no sender of ours would write."""
        buffer = self._buffer
        buffer += data
        bodies: list[bytes] = []
        start = 0
        while len(buffer) - start >= _LENGTH.size:
            (size,) = _LENGTH.unpack_from(buffer, start)
            if size > MAX_FRAME_BYTES:
                raise ValueError(f"frame of {size} bytes is above the limit of {MAX_FRAME_BYTES}")
            end = start + _LENGTH.size + size
            if end > len(buffer):
                break
            bodies.append(bytes(buffer[start + _LENGTH.size : end]))
            start = end
        if start:
            del buffer[:start]
        return bodies
