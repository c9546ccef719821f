"""The measuring itself: clips, workers, checks and the table."""

import importlib.util
import json
import sys
from dataclasses import replace
from pathlib import Path
from shutil import which

import av
import numpy as np
import pytest

from fastav import _kernels
from fastav._bench import command, make_clip, pictures, race
from fastav._bench.race import Field, probe

MODULES = {"pyav": "av", "opencv": "cv2"}
INSTALLED = {n for n in race.PEERS if importlib.util.find_spec(MODULES.get(n, n))} | (
    {"ffmpeg"} if which("ffmpeg") else set()
)
BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def load(name):
    """A module of the benchmarks, which are no package."""
    spec = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def races():
    return load("races")


def tasks(races, names, **options):
    return Field(names, script=races.SCRIPT, **options)


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("bench") / "clip.mp4"
    make_clip(path, 64, 48, 12, gop=5, codec="mpeg4")
    return probe("tiny", [path])


def test_pictures_are_deterministic_and_move():
    first, second = list(pictures(96, 64, 3, seed=4)), list(pictures(96, 64, 3, seed=4))
    np.testing.assert_array_equal(first, second)
    assert first[0].shape == (64, 96, 3)
    assert first[0].dtype == np.uint8
    assert (first[0] != first[1]).mean() > 0.5
    other = next(pictures(96, 64, 1, seed=5))
    assert (other != first[0]).mean() > 0.5


@pytest.mark.parametrize(("width", "height"), [(16, 16), (33, 17), (16, 100)])
def test_pictures_of_any_size(width, height):
    for picture in pictures(width, height, 3):
        assert picture.shape == (height, width, 3)


@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        (".mp4", "libx264", "yuv420p"),
        (".mkv", "ffv1", "gray16le"),
        (".nut", "rawvideo", "bgr24"),
        (".nut", "rawvideo", "bayer_rggb8"),
    ],
)
def test_make_clip(tmp_path, suffix, codec, pix_fmt):
    path = tmp_path / f"clip{suffix}"
    make_clip(path, 64, 48, 5, codec=codec, pix_fmt=pix_fmt)
    made = probe("clip", [path])
    assert (made.width, made.height, made.frames, made.pix_fmt) == (64, 48, 5, pix_fmt)


def test_bayer_clip_is_the_mosaic_of_the_picture(tmp_path):
    path = tmp_path / "clip.nut"
    make_clip(path, 32, 16, 1, codec="rawvideo", pix_fmt="bayer_gbrg8")
    with av.open(str(path)) as container:
        mosaic = next(container.decode(video=0)).to_ndarray()
    picture = next(pictures(32, 16, 1))
    np.testing.assert_array_equal(mosaic[0::2, 0::2], picture[0::2, 0::2, 1])
    np.testing.assert_array_equal(mosaic[0::2, 1::2], picture[0::2, 1::2, 2])
    np.testing.assert_array_equal(mosaic[1::2, 0::2], picture[1::2, 0::2, 0])
    np.testing.assert_array_equal(mosaic[1::2, 1::2], picture[1::2, 1::2, 1])


def test_race_gives_medians_ratios_and_memory(clip):
    with Field(["floor", "decode-only", "pyav"]) as field:
        results = {result.name: result for result in race.bulk(field, clip, "rgb24", 2)}
    assert [result.error for result in results.values()] == ["", "", ""]
    assert results["floor"].ratios["floor"] == 1
    assert results["pyav"].ratios.keys() == {"floor", "decode-only"}
    assert results["pyav"].version == av.__version__
    assert 0 < results["pyav"].fastest <= results["pyav"].seconds <= results["pyav"].slowest


@pytest.mark.parametrize("name", [name for name in race.PEERS if name in INSTALLED])
def test_peers_read(clip, name):
    with Field([name]) as field:
        assert [result.error for result in race.bulk(field, clip, "rgb24", 1)] == [""]


def test_every_task(races, clip):
    every = [
        races.Task("bulk", "bulk"),
        races.Task("iterate", "iterate"),
        races.Task("spread", "spread", indices=(0, 7, 11)),
        races.Task("single", "single", indices=(7, 0)),
    ]
    suited = {"bulk": ["floor", "decode-only"], "iterate": ["decode-only"]}
    with tasks(races, ["floor", "decode-only", "fastav", "pyav", "imageio"]) as field:
        for task in every:
            results = races.race(field, clip, task, 1)
            wanted = [*suited.get(task.kind, []), "fastav", "pyav", "imageio"]
            assert [(result.name, result.error) for result in results] == [(n, "") for n in wanted]


def test_the_stored_format(races, clip):
    with tasks(races, ["floor", "pyav"]) as field:
        results = races.race(field, clip, races.Task("native", "bulk", None), 1)
    assert [result.error for result in results] == ["", ""]


def test_writing(races, clip, tmp_path):
    array = tmp_path / "frames.npy"
    np.save(array, list(pictures(64, 48, 6)))
    output = tmp_path / "written.mp4"
    job = {
        "array": str(array), "output": str(output), "codec": "libx264", "rate": 30,
        "stored": "yuv420p", "options": {"preset": "ultrafast"},
    }  # fmt: skip
    task, six = races.Task("write", "write"), replace(clip, frames=6)
    with tasks(races, ["decode-only", "pyav", "fastav"]) as field:
        results = races.race(field, six, task, 1, job=job)
        too_few = races.race(field, clip, task, 1, job=job)
    assert [result.error for result in results] == ["", "", ""]
    assert [result.error for result in too_few] == ["wrote 6 frames of 12"] * 3
    assert probe("written", [output]).frames == 6


def test_slow_builds_are_told(races, monkeypatch):
    monkeypatch.setattr(_kernels, "chosen", "python")
    assert "Python kernels" in races.slow_build()
    monkeypatch.setattr(_kernels, "chosen", "compiled")
    assert races.slow_build() == ""
    traced: dict = {}
    exec(compile("def copy(*arguments): pass", "planes_c.pyx", "exec"), traced)
    monkeypatch.setattr(_kernels.planes, "copy", traced["copy"])
    assert "line tracing" in races.slow_build()


def test_a_task_that_a_contender_cannot_do_is_named(races, clip):
    with tasks(races, ["ffmpeg", "opencv"]) as field:
        for result in races.race(field, clip, races.Task("spread", "spread", None, (0,)), 1):
            assert result.error


def test_unknown_contender_is_refused():
    with pytest.raises(ValueError, match="unknown contender 'vlc'"):
        Field(["vlc"])


def test_wrong_pictures_are_named(clip, monkeypatch):
    monkeypatch.setattr(race, "reference_means", lambda path, indices: [[0, 0, 0]] * len(indices))
    with Field(["pyav"]) as field:
        [result] = race.bulk(field, clip, "rgb24", 1)
    assert "other pictures" in result.error


def test_missing_frames_are_named(clip):
    outcome = {"frames": 11, "means": None}
    assert race.complaint(outcome, clip.frames, None) == "made 11 frames of 12"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("import sys; sys.exit('no such peer')", "died (exit status 1): no such peer"),
        ("import time; time.sleep(60)", "no answer within 0.5 s (exit status -9)"),
        ("import nothing_of_the_kind", "No module named 'nothing_of_the_kind'"),
        (
            'print(\'{"ready": true, "version": "1"}\', flush=True)\n'
            "input(); import os; os.abort()",
            "died (exit status -6)",
        ),
    ],
)
def test_a_contender_that_breaks_is_named(clip, tmp_path, script, error):
    broken = tmp_path / "broken.py"
    broken.write_text(script)
    limit = 0.5 if "sleep" in script else 30
    with Field(["pyav"], script=broken, limit=limit) as field:
        [result] = race.bulk(field, clip, "rgb24", 1)
    assert error in result.error


def test_table_names_errors_below():
    results = [
        race.Result("floor", "1", 0.5, 0.4, 0.6, 0.9, {"floor": 1.0}, 10**8, 10**7, 0.4),
        race.Result("decord", error="ModuleNotFoundError: No module named 'decord'"),
    ]
    lines = command.table(results, frames=100).splitlines()
    assert lines[0].split()[:4] == ["contender", "version", "seconds", "frames/s"]
    assert lines[1].split() == ["floor", "1", "0.500", "200", "0.90", "1.00", "-", "-", "100", "10"]
    assert lines[-1] == "Disturbed: other programs used up to 40% of the processors meanwhile."
    assert lines[2] == "decord: ModuleNotFoundError: No module named 'decord'"


def test_run_bench_of_a_file(clip, capsys, monkeypatch):
    monkeypatch.setattr(command, "_OURS", ("floor", "decode-only"))
    assert command.run_bench(clip.paths[0], ["pyav"], rounds=1, json=True) == 0
    printed = capsys.readouterr()
    record = json.loads(printed.out)
    assert record["clip"]["frames"] == 12
    assert [result["name"] for result in record["results"]] == ["floor", "decode-only", "pyav"]
    assert record["environment"]["av"] == av.__version__
    assert printed.err == ""


def test_run_bench_makes_its_own_clip(capsys, monkeypatch):
    monkeypatch.setattr(command, "_OURS", ("floor",))
    monkeypatch.setattr(command, "_FRAMES", 5)
    assert command.run_bench(None, [], rounds=1, size=(64, 48)) == 0
    assert "h264 yuv420p 64x48, 5 frames" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"against": ["floor"]}, "unknown peer 'floor'"), ({"rounds": 0}, "rounds must be 1")],
)
def test_run_bench_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        command.run_bench(**arguments)


@pytest.fixture(scope="module")
def report():
    return load("report")


def entry(task, **seconds):
    floor = seconds["floor"]
    contenders = {
        name: {"version": "1.0", "seconds": time, "ratios": {"floor": time / floor}}
        for name, time in seconds.items()
    }
    contenders["decord"] = {"error": "ModuleNotFoundError"}
    return {
        "clip": "h264",
        "pix_fmt": "yuv420p",
        "width": 64,
        "height": 48,
        "frames": 100,
        "files": 2,
        "task": task,
        "contenders": contenders,
    }


def test_report_shows_ratios_and_marks_the_fastest(report):
    machine = dict.fromkeys(
        ("cpu", "cores", "system", "python", "av", "ffmpeg", "numpy", "load_average"), "?"
    )
    entries = [entry("bulk rgb24", floor=0.5, fastav=0.55, imageio=1.5, opencv=0.52)]
    text = report.tables({"environment": machine, "rounds": 5, "results": entries})
    lines = text.splitlines()
    assert "| clip | frames/s | fastav | imageio | opencv |" in lines
    row = "| h264 (yuv420p, 64x48, 2 files) | 364 | 1.10 | 3.00 | **1.04** |"
    assert row in lines
    assert "imageio 1.0, opencv 1.0" in text


def test_chart_has_bars_as_long_as_the_ratios(report):
    twice = entry("bulk rgb24", floor=0.5, fastav=0.5, imageio=1.0) | {"clip": "h264 720p"}
    lines = report.chart({"results": [twice]}).splitlines()
    bars = [line.split() for line in lines if "█" in line]
    assert bars == [
        ["h264", "720p", "fastav", "█" * (report.BAR_WIDTH // 2), "1.00"],
        ["imageio", "█" * report.BAR_WIDTH, "2.00"],
    ]
    assert (lines[0], lines[-1]) == ("```", "```")


def test_report_replaces_what_is_between_the_markers(report):
    text = f"before\n{report.START}\nold\n{report.END}\nafter\n"
    new = report.replace_between(text, "new")
    assert new == f"before\n{report.START}\nnew\n{report.END}\nafter\n"
    assert report.replace_between(new, "new") == new


@pytest.mark.parametrize("text", ["", "{start}", "{end}{start}", "{start}{start}{end}"])
def test_report_needs_both_markers(report, text):
    with pytest.raises(ValueError, match="the text needs one"):
        report.replace_between(text.format(start=report.START, end=report.END), "new")
