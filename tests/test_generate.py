"""generate.py from its command line; what it does is tested in tests/sampling."""

import pytest
from PIL import Image

from dataset.archive import Archive
from tests.support.public_files import network_pickle, pickled, write
from tests.support.tiny_run import write_archive
from tests.support.tiny_snapshot import write_snapshot
from torch_utils.images import read_png_text


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    folder = tmp_path_factory.mktemp("world")
    archive = Archive.open(write_archive(folder / "discs.zip"))
    return write_snapshot(folder / "s.safetensors", archive, conditional=True)


@pytest.fixture
def run(script, network):
    """Run the script on the network; gives status and what it printed."""

    def call(*arguments: object) -> tuple[object, str]:
        status, out, error = script("generate", "--network", network, "--device", "cpu", *arguments)
        return status, out + error

    return call


def test_every_option_reaches_the_picture(run, tmp_path):
    out = tmp_path / "grid.png"
    options = ["--grid", "3x2", "--seeds", "10-15", "--trunc", 0.5, "--trunc-cutoff", 2, "--noise-mode", "random"]
    status, said = run("--out", out, "--class", "colour=red", "--class", "size=large", "--batch", 4, *options)
    assert (status or 0, said) == (0, f"{out}: 6 seeds, psi 0.5\n")
    with Image.open(out) as grid:
        assert grid.size == (3 * 16, 2 * 16)
    text = read_png_text(out)
    told = {key: text[key] for key in ("seeds", "psi", "psi_cutoff", "noise_mode", "class", "grid")}
    assert told == {
        "seeds": "10-15",
        "psi": "0.5",
        "psi_cutoff": "2",
        "noise_mode": "random",
        "class": "colour=red, size=large",
        "grid": "3x2, uncurated",
    }


def test_single_pictures_go_into_a_folder(run, tmp_path):
    status, said = run("--images", tmp_path / "faces", "--seeds", "3,5")
    assert (status or 0, said) == (0, f"2 pictures in {tmp_path / 'faces'}\n")
    assert sorted(path.name for path in (tmp_path / "faces").iterdir()) == ["seed000003.png", "seed000005.png"]


def test_nothing_to_write_is_said_in_one_line(run):
    status, said = run()
    assert (status, said) == (2, "error: nothing to write. Give --out grid.png, --images FOLDER, or both.\n")


def test_ops_that_cannot_be_had_are_one_line_and_status_2(run, tmp_path):
    status, said = run("--out", tmp_path / "grid.png", "--ops", "cuda")
    assert (status, said) == (
        2,
        "error: --ops cuda: this runs on the cpu, where CUDA ops are of no use. Use --ops auto.\n",
    )
    assert not (tmp_path / "grid.png").exists()


def test_what_is_said_of_ops_goes_to_stderr_before_the_pictures(run, tmp_path, monkeypatch):
    monkeypatch.setattr("sampling.generate.load_ops", lambda mode, device, say: say(f"{mode} ops for {device}"))
    _, said = run("--out", tmp_path / "grid.png", "--grid", "1x1", "--ops", "reference")
    assert said == f"{tmp_path / 'grid.png'}: 1 seeds, psi 1\nreference ops for cpu\n"


def test_a_public_pickle_is_sampled_with_each_class_as_often_as_any_other(run, tmp_path):
    pickle = write(tmp_path / "network.pkl", pickled(network_pickle(3)))
    status, said = run("--network", pickle, "--out", tmp_path / "grid.png", "--grid", "2x2")
    assert (status or 0, said) == (0, f"{tmp_path / 'grid.png'}: 4 seeds, psi 1\n")
    assert read_png_text(tmp_path / "grid.png")["snapshot"] == "network.pkl"
    status, said = run("--network", pickle, "--out", tmp_path / "one.png", "--class", "label=1")
    assert (status or 0, said) == (0, f"{tmp_path / 'one.png'}: 64 seeds, psi 1\n")
