"""The programs of ``examples/`` that need other packages."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import fastav

from ..media import pictures

Example = Callable[..., int]


@pytest.mark.filterwarnings("default")  # those of the packages are none of ours
def test_motion_energy(
    example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of three seconds the second is the one in which something moves."""
    dask = pytest.importorskip("dask")
    still, *moving = pictures(26, 64, 48)
    clip, table = tmp_path / "clip.mkv", tmp_path / "energy.csv"
    frames = [*[still] * 25, *moving, *[moving[-1]] * 25]
    fastav.imwrite(clip, frames, fps=25, codec="ffv1", options={"g": "10"})
    with dask.config.set({"array.chunk-size": "100 KiB"}):  # so that there are several
        assert example("motion_energy", clip, "--size", 24, "--top", 1, "-o", table) == 0
    seconds, energy = np.loadtxt(table, delimiter=",", skiprows=1, unpack=True)
    grey = np.asarray(fastav.imread(clip, format="gray", dtype="float32", size=24), np.float64)
    steps = (np.diff(grey, axis=0) ** 2).mean(axis=(1, 2))
    np.testing.assert_array_equal(seconds, [0, 1, 2])
    np.testing.assert_allclose(energy, [0, steps[24:49].mean(), 0], rtol=1e-4)
    assert energy[1] > 0
    assert re.fullmatch(rf" *1\.0 s  {energy[1]:.6f}\n", capsys.readouterr().out)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("workers", [0, 2])
def test_train_loader(
    example: Example, tmp_path: Path, capsys: pytest.CaptureFixture[str], workers: int
) -> None:
    """Dark clips and bright ones are told apart: frames and labels belong together."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    for name, light in (("dark", 0), ("bright", 128)):
        (tmp_path / name).mkdir()
        for number in range(3):
            frames = [frame // 2 + light for frame in pictures(16, 48, 40, seed=number)]
            fastav.imwrite(tmp_path / name / f"{number}.mp4", frames, fps=25)
    arguments = "--clip-length", 4, "--step", 1, "--size", 32, "--workers", workers
    assert example("train_loader", tmp_path, *arguments, "--epochs", 6, "--batch-size", 4) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    assert lines[-1].startswith("epoch 5: 24/24 right")
