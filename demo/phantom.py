"""Pixels that look like something: a body of ellipses that changes from slice to slice, with noise."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint16]

# (centre row, centre column, half height, half width, value), in parts of the picture's size, painted in order.
Ellipse = tuple[float, float, float, float, float]
SHAPES: dict[str, tuple[Ellipse, ...]] = {
    "CT": (
        (0.50, 0.50, 0.34, 0.45, 0.26),
        (0.50, 0.50, 0.31, 0.42, 0.265),
        (0.46, 0.30, 0.22, 0.14, 0.05),
        (0.46, 0.70, 0.22, 0.14, 0.05),
        (0.48, 0.55, 0.11, 0.10, 0.27),
        (0.56, 0.52, 0.03, 0.03, 0.29),
        (0.70, 0.50, 0.07, 0.06, 0.45),
        (0.70, 0.50, 0.03, 0.03, 0.30),
    ),
    "MR": (
        (0.50, 0.50, 0.44, 0.36, 0.70),
        (0.50, 0.50, 0.41, 0.33, 0.08),
        (0.50, 0.50, 0.39, 0.31, 0.45),
        (0.50, 0.50, 0.30, 0.23, 0.55),
        (0.47, 0.44, 0.12, 0.03, 0.15),
        (0.47, 0.56, 0.12, 0.03, 0.15),
    ),
    "CR": (
        (0.55, 0.50, 0.60, 0.44, 0.45),
        (0.48, 0.31, 0.32, 0.14, 0.82),
        (0.48, 0.69, 0.32, 0.14, 0.82),
        (0.50, 0.50, 0.60, 0.035, 0.22),
        (0.60, 0.56, 0.15, 0.13, 0.25),
        (0.90, 0.50, 0.16, 0.40, 0.25),
    ),
}
MAXIMUM = 4095  # 12 bits stored
NOISE = {"CT": 12, "MR": 60, "CR": 25}


def slices(modality: str, rows: int, columns: int, n: int, seed: int) -> Iterator[Pixels]:
    """`n` pictures through one body, the same ones for the same `seed`."""
    chance = np.random.default_rng(seed)
    noise = chance.normal(0.0, NOISE[modality], (rows, columns)).astype(np.float32)
    down, across = np.ogrid[0 : 1 : rows * 1j, 0 : 1 : columns * 1j]
    for number in range(n):
        # The body is thickest in the middle of the stack.
        size = 0.75 + 0.25 * float(np.sin(np.pi * (number + 1) / (n + 1)))
        picture = np.zeros((rows, columns), dtype=np.float32)
        for row, column, height, width, value in SHAPES[modality]:
            inside = ((down - row) / (height * size)) ** 2 + ((across - column) / (width * size)) ** 2 < 1
            picture[inside] = value * MAXIMUM
        # Rolled instead of drawn anew: five hundred pictures are wanted in seconds.
        picture += np.roll(noise, (37 * number, 91 * number), axis=(0, 1))
        yield np.clip(picture, 0, MAXIMUM).astype(np.uint16)
