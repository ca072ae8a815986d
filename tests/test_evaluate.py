"""evaluate.py from its command line."""

import json
import re
from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from dataset.archive import Archive
from tests.support.fresh_stylegan3 import T
from tests.support.tiny_program import write_program
from tests.support.tiny_run import write_archive
from tests.support.tiny_snapshot import write_snapshot


class World:
    """An archive, two snapshots, an extractor, and a way to run the script."""

    def __init__(self, folder: Path):
        self.data = write_archive(folder / "discs.zip")
        archive = Archive.open(self.data)
        self.digest = archive.digest
        self.plain = write_snapshot(folder / "plain.safetensors", archive)
        self.conditional = write_snapshot(folder / "conditional.safetensors", archive, conditional=True, split="train")
        self.alias_free = write_snapshot(
            folder / "alias-free.safetensors", archive, conditional=True, split="train", generator=T
        )
        self.program = folder / "thumbnails.pt2"
        self.sha256 = write_program(self.program)

    @property
    def extractor(self) -> list[object]:
        return ["--extractor", self.program, "--extractor-sha256", self.sha256]


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def run(script, tmp_path):
    """Run the script; gives status, stdout, stderr."""
    return lambda *arguments: script("evaluate", *arguments, "--device", "cpu", "--cache", tmp_path / "cache")


def test_a_snapshot_is_scored_in_a_table_and_a_file(world, run, tmp_path):
    out = tmp_path / "results" / "scores.json"
    status, table, error = run(
        "--network", world.plain, "--data", world.data, "--metrics", "fid,kid", "--num-samples", 30, "--trunc", 0.7,
        "--seed", 2, "--out", out, *world.extractor,
    )  # fmt: skip
    assert (status, error) == (0, "")
    results = json.loads(out.read_text(encoding="utf-8"))
    lines = [line for line in table.splitlines() if "note:" not in line]
    for result, line, name in zip(results, lines, ["Fréchet distance", "KID"], strict=True):
        assert line.startswith(f"{name} (thumbnails)")
        assert f"{result['value']:.4f}" in line
        assert line.endswith("of discs.zip, split all")
    assert len({line.index("against") for line in lines}) == 1, "aligned"
    recipe = results[1]["recipe"]
    expected = {
        "network": "plain.safetensors",
        "images_seen": 16000,
        "psi": 0.7,
        "noise_mode": "random",
        "labels": "none",
        "seed": 2,
        "reference_digest": world.digest,
        "extractor": "thumbnails",
        "extractor_sha256": world.sha256,
        "real_pictures": 24,
        "fake_pictures": 30,
    }
    assert recipe | expected == recipe
    assert len(recipe["network_sha256"]) == 64
    assert str(tmp_path) not in out.read_text(encoding="utf-8")


def test_the_split_trained_on_is_the_default_and_another_can_be_asked_for(world, run, tmp_path):
    splits = []
    for more in ([], ["--split", "test"], ["--split", "all"]):
        out = tmp_path / "scores.json"
        status, _, error = run(
            "--network", world.conditional, "--data", world.data, "--metrics", "kid20", "--out", out,
            *world.extractor, *more,
        )  # fmt: skip
        assert status == 0, error
        [result] = json.loads(out.read_text(encoding="utf-8"))
        splits.append((result["recipe"]["split"], result["recipe"]["real_pictures"]))
        assert result["recipe"]["labels"] == "as often as in the training data"
    assert splits == [("train", 12), ("test", 12), ("all", 20)]


def test_the_same_command_gives_the_same_numbers(world, run):
    command = ["--network", world.plain, "--data", world.data, "--metrics", "fid30,kid20", *world.extractor]
    first, second = run(*command), run(*command)
    assert first == second
    assert first[1] != run(*command, "--seed", 1)[1]


def test_two_archives_give_the_floor(world, run):
    status, table, error = run(
        "--compare", world.data, "--compare-split", "test", "--data", world.data, "--split", "train",
        "--metrics", "kid12", *world.extractor,
    )  # fmt: skip
    assert status == 0, error
    assert "12 against 12 of discs.zip, split train" in table


def test_an_archive_is_at_no_distance_from_itself(world, run, tmp_path):
    out = tmp_path / "scores.json"
    run("--compare", world.data, "--data", world.data, "--metrics", "fid24", "--out", out, *world.extractor)
    [result] = json.loads(out.read_text(encoding="utf-8"))
    assert result["value"] == pytest.approx(0, abs=1e-6)


def test_the_real_extractor_sees_that_an_untrained_network_makes_no_discs(world, run, shared, tmp_path):
    out = tmp_path / "scores.json"
    extractor = ["--extractor", shared / "weights" / "mobilenet_v2-imagenet-features.pt2", "--out", out]
    values = []
    for subject in (["--network", world.plain], ["--compare", world.data]):
        status, _, error = run(*subject, "--data", world.data, "--metrics", "kid24", *extractor)
        assert status == 0, error
        [result] = json.loads(out.read_text(encoding="utf-8"))
        assert result["display_name"] == "KID (mobilenet_v2)"
        values.append(result["value"])
    assert values[0] > values[1] + 0.1


def test_equivariance_needs_no_pictures(world, run, tmp_path):
    out = tmp_path / "scores.json"
    status, table, error = run(
        "--network", world.alias_free, "--metrics", "eq_t8,eq_t_frac8", "--trunc", 0.7, "--seed", 2, "--out", out
    )
    assert (status, error) == (0, "")
    results = json.loads(out.read_text(encoding="utf-8"))
    for result, line, name in zip(results, table.splitlines(), ["EQ-T8", "EQ-T_frac8"], strict=True):
        assert re.fullmatch(rf"{name} +{result['value']:.4f} dB +8 pictures, moves: 8", line)
        assert result["value"] > 40
    expected = {
        "network": "alias-free.safetensors",
        "images_seen": 16000,
        "psi": 0.7,
        "noise_mode": "const",
        "labels": "as often as in the training data",
        "seed": 2,
        "fake_pictures": 8,
        "resolution": 16,
    }
    assert results[0]["recipe"] | expected == results[0]["recipe"]
    assert len(results[0]["recipe"]["network_sha256"]) == 64


def test_equivariance_and_distances_are_scored_together(world, run, tmp_path):
    out = tmp_path / "scores.json"
    status, table, error = run(
        "--network", world.alias_free, "--data", world.data, "--metrics", "eq_t,kid", "--num-samples", 20, "--out", out,
        *world.extractor,
    )  # fmt: skip
    assert (status, error) == (0, "")
    kid, eq_t = json.loads(out.read_text(encoding="utf-8"))
    assert (kid["metric"], eq_t["metric"]) == ("kid20_thumbnails", "eq_t20")
    assert (kid["recipe"]["noise_mode"], kid["recipe"]["fake_pictures"]) == ("random", 20)
    assert "20 against 12 of discs.zip, split train" in table


def test_rotations_are_scored_of_pictures_of_32_pixels(world, run, tmp_path):
    network = another(world, tmp_path, resolution=32, generator=T)
    status, table, error = run("--network", network, "--metrics", "eq_r4")
    assert (status, error) == (0, "")
    assert re.match(r"EQ-R4 +\d+\.\d{4} dB", table)


def test_distances_without_real_pictures_are_one_line_and_status_2(world, run):
    words = "error: --metrics kid: compares with real pictures. Give --data ARCHIVE.\n"
    assert run("--network", world.alias_free, "--metrics", "eq_t,kid") == (2, "", words)


def another(world: World, folder: Path, **changes) -> Path:
    return write_snapshot(folder / "another.safetensors", Archive.open(world.data), **changes)


BAD = {
    "nothing to score": (lambda w, f: ["--metrics", "kid20", *w.extractor], "nothing to score, or two things"),
    "two things to score": (lambda w, f: ["--network", w.plain, "--compare", w.data], "nothing to score, or two"),
    "unknown metric": (lambda w, f: ["--network", w.plain, "--metrics", "kid20,isc"], "--metrics isc: .* fid, kid"),
    "missing snapshot": (lambda w, f: ["--network", f / "no.safetensors"], "no.safetensors: no such file"),
    "missing data": (lambda w, f: ["--network", w.plain, "--data", f / "no.zip"], "no.zip"),
    "another resolution": (
        lambda w, f: ["--network", another(w, f, resolution=32)],
        "holds 16-pixel pictures, another.safetensors makes 32-pixel ones. Pack the data with --resolution 32",
    ),
    "unknown split": (lambda w, f: ["--network", w.plain, "--split", "dev"], "no split 'dev'"),
    "trained on a split that is not there": (
        lambda w, f: ["--network", another(w, f, split="dev")],
        "discs.zip has no split 'dev', which the snapshot was trained on. Give --split; there are: all, train, test",
    ),
    "unknown extractor": (
        lambda w, f: ["--network", w.plain, "--extractor", w.program],
        "not a known extractor, its SHA-256 is [0-9a-f]{64}",
    ),
    "more than there are to compare": (
        lambda w, f: ["--compare", w.data, "--metrics", "kid", *w.extractor],
        "24 pictures, 2000 asked. Use --num-samples 24",
    ),
    "compared with another size": (
        lambda w, f: ["--compare", write_archive(f / "large.zip", resolution=32), "--metrics", "kid20"],
        "--compare large.zip: 32-pixel RGB pictures against 16-pixel RGB ones",
    ),
    "equivariance of a StyleGAN2": (
        lambda w, f: ["--network", w.plain, "--metrics", "kid20,eq_t", *w.extractor],
        "--metrics eq_t: undefined for this network. StyleGAN2Generator: has no input that can be moved",
    ),
    "equivariance of an archive": (
        lambda w, f: ["--compare", w.data, "--metrics", "eq_t"],
        "--metrics eq_t: moves a generator, not pictures. Give --network SNAPSHOT",
    ),
    "rotations of small pictures": (
        lambda w, f: ["--network", w.alias_free, "--metrics", "eq_r"],
        "--metrics eq_r: pictures of 16 pixels are too small for it. Use 32 or more",
    ),
    "results into a folder": (lambda w, f: ["--network", w.plain, "--out", f], "--out .*: a folder"),
}


@pytest.mark.parametrize("row", BAD)
def test_bad_input_ends_in_one_line_and_status_2(row, world, run, tmp_path):
    make, words = BAD[row]
    status, output, error = run("--data", world.data, *make(world, tmp_path))
    assert status == 2
    assert output == ""
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert re.search(words, error), error


def test_without_inceptions_weights_there_is_one_line_and_no_number(world, run, tmp_path, monkeypatch):
    def no_network(*_, **__):
        raise URLError("Temporary failure in name resolution")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", no_network)
    out = tmp_path / "scores.json"
    status, output, error = run("--network", world.plain, "--data", world.data, "--metrics", "fid", "--out", out)
    assert (status, output) == (2, "")
    assert error.startswith("error: Inception's weights cannot be downloaded here")
    assert "--inception-weights FILE" in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_ops_that_cannot_be_had_are_one_line_and_status_2(world, run):
    found = run("--network", world.plain, "--data", world.data, "--metrics", "kid20", "--ops", "cuda", *world.extractor)
    assert found == (2, "", "error: --ops cuda: this runs on the cpu, where CUDA ops are of no use. Use --ops auto.\n")
