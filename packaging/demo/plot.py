"""Draw loss.csv as loss.svg: `python plot.py OUT/loss.csv loss.svg`."""

from __future__ import annotations

import csv
import math
import sys
from pathlib import Path

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 720, 300, 48, 30
_CAPTION = "nats per token by step: training (grey), validation (red)"
_LINES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


def svg(rows: list[tuple[int, float, float]]) -> str:
    """`rows`: (step, training loss, validation loss or NaN), losses in nats per token, drawn on a logarithmic scale."""
    last = rows[-1][0]

    def at(step: int, loss: float) -> str:
        height = math.log(min(max(loss, _LINES[0]), _LINES[-1]) / _LINES[0]) / math.log(_LINES[-1] / _LINES[0])
        return f"{_LEFT + step / last * (_WIDTH - _LEFT - 10):.1f},{(_HEIGHT - _BOTTOM) * (1 - height) + 8:.1f}"

    def curve(points: list[tuple[int, float]], style: str) -> str:
        return f'<polyline fill="none" {style} points="{" ".join(at(step, loss) for step, loss in points)}"/>'

    size = f'viewBox="0 0 {_WIDTH} {_HEIGHT + 16}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT + 16}" fill="white"/>',
    ]
    for loss in _LINES:
        x, y = at(0, loss).split(",")
        parts.append(f'<path d="M{x} {y}H{_WIDTH - 10}" stroke="#ddd"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y}" text-anchor="end">{loss}</text>')
    for quarter in range(5):
        x, _ = at(last * quarter // 4, 1.0).split(",")
        parts.append(f'<text x="{x}" y="{_HEIGHT}" text-anchor="middle">{last * quarter // 4}</text>')
    parts.append(curve([(step, loss) for step, loss, _ in rows], 'stroke="#9bb" stroke-width="1"'))
    held_out = [(step, loss) for step, _, loss in rows if not math.isnan(loss)]
    parts.append(curve(held_out, 'stroke="#b40" stroke-width="2"'))
    parts.append(f'<text x="{_WIDTH - 12}" y="20" text-anchor="end">{_CAPTION}</text></svg>')
    return "\n".join(parts)


def main() -> None:
    source, target = map(Path, sys.argv[1:])
    with source.open(newline="") as file:
        rows = [(int(step), float(loss), float(held_out)) for step, loss, held_out, _ in csv.reader(file)]
    target.write_text(svg(rows))


if __name__ == "__main__":
    main()
