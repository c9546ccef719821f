"""GIFs with palettes made for their frames."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

import fastav
from fastav.writing import palettes

from .media import pictures

PHOTO = np.stack(list(pictures(20, 96, 64)))


def flat(count: int = 30) -> np.ndarray:
    """Few colours, a moving box: what GIFs are made for."""
    frames = np.zeros((count, 64, 96, 3), np.uint8)
    for number, frame in enumerate(frames):
        frame[:] = (250, 250, 245)
        frame[10:40, number : number + 30] = (200, 30, 60)
        frame[45:60, 5:90] = (10, 90, 160)
    return frames


def error(got: np.ndarray, wanted: np.ndarray) -> float:
    assert got.shape == wanted.shape
    return float(np.abs(got.astype(int) - wanted).mean())


def by_pillow(frames: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    first, *others = [Image.fromarray(frame) for frame in frames]
    first.save(file, "GIF", save_all=True, append_images=others)
    return fastav.imread(file.getvalue())


def test_few_colours_come_back_as_they_are() -> None:
    frames = flat()
    data = fastav.imwrite("<bytes>", frames, extension=".gif", fps=20)
    np.testing.assert_array_equal(fastav.imread(data), frames)
    fixed = fastav.imwrite("<bytes>", frames, extension=".gif", fps=20, out_pixel_format="bgr8")
    assert error(fastav.imread(fixed), frames) > 2
    assert len(data) < len(fixed)


def test_photographs_with_one_palette_come_near_pillows_with_one_each() -> None:
    data = fastav.imwrite("<bytes>", PHOTO, extension=".gif")
    fixed = fastav.imwrite("<bytes>", PHOTO, extension=".gif", out_pixel_format="bgr8")
    mine, theirs = error(fastav.imread(data), PHOTO), error(by_pillow(PHOTO), PHOTO)
    assert mine < 1.4 * theirs
    assert mine < 0.6 * error(fastav.imread(fixed), PHOTO)
    assert len(data) < len(fixed)
    # And independently of FFmpeg's decoder.
    with Image.open(io.BytesIO(data)) as image:
        shown = np.stack([_shown(image, number) for number in range(image.n_frames)])
    np.testing.assert_array_equal(shown, fastav.imread(data))


def _shown(image: Image.Image, number: int) -> np.ndarray:
    image.seek(number)
    return np.asarray(image.convert("RGB"))


def test_long_ones_are_written_in_stretches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(palettes, "_STRETCH", 3 * 64 * 96 * 4)  # three frames at a time
    kept: list[int] = []
    add = palettes.PaletteChain._add

    def watch(chain: palettes.PaletteChain, frame: object) -> object:
        yield from add(chain, frame)
        kept.append(chain._kept // (64 * 96 * 4))

    monkeypatch.setattr(palettes.PaletteChain, "_add", watch)
    frames = np.concatenate([flat(), PHOTO])
    data = fastav.imwrite("<bytes>", frames, extension=".gif", fps=10)
    assert max(kept) == 3
    got = fastav.imread(data)
    assert error(got[:30], frames[:30]) < 0.5
    assert error(got[30:], frames[30:]) < error(by_pillow(PHOTO), PHOTO) * 1.3
    with fastav.open(data) as reader:
        np.testing.assert_allclose(np.diff(reader.timestamps), 0.1)


def test_palettes_go_with_filters_and_other_formats() -> None:
    frames = flat()
    with fastav.open("<bytes>", "w", extension=".gif", filter_sequence=[("hflip", "")]) as writer:
        writer.write(frames[:15])
        writer.set_filter(None)
        writer.write(frames[15:])
    got = fastav.imread(writer.getvalue())
    np.testing.assert_array_equal(got, np.concatenate([frames[:15, :, ::-1], frames[15:]]))
    grey = PHOTO[..., 0]
    data = fastav.imwrite("<bytes>", grey, extension=".gif", in_pixel_format="gray")
    np.testing.assert_array_equal(fastav.imread(data, format="gray"), grey)
    rgba = np.concatenate([frames, np.full((*frames.shape[:3], 1), 255, np.uint8)], -1)
    data = fastav.imwrite("<bytes>", rgba, extension=".gif", in_pixel_format="rgba")
    np.testing.assert_array_equal(fastav.imread(data), frames)
    one = fastav.imwrite("<bytes>", frames[0], extension=".gif")
    np.testing.assert_array_equal(fastav.imread(one)[0], frames[0])
