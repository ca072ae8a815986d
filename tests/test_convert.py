"""convert.py from its command line; what it reads is tested in tests/networks/public."""

import os
from functools import partial

import numpy as np
import pytest
import torch

from networks.interface import Noise
from networks.snapshot import load_generator, read_snapshot
from tests.networks.public.test_attacks import Calls
from tests.support.public_files import (
    augment_pipe,
    network_pickle,
    pickled,
    rosinality_state,
    saved_by_torch,
    tiny_generator,
    write,
)

CONST = Noise(mode="const")


@pytest.fixture
def run(script):
    """Run the script; gives status, stdout, stderr."""
    return partial(script, "convert")


@pytest.mark.parametrize("name", ["tiny_sg2.pkl", "tiny_sg2_oldstyle.pkl"])
def test_a_golden_pickle_becomes_a_snapshot_with_the_golden_pictures(run, shared, tmp_path, name):
    out = tmp_path / "S.safetensors"
    status, output, error = run(shared / "golden" / name, "--out", out)
    assert (status, error) == (0, "")
    assert output.splitlines()[0] == "stylegan2: 32x32 RGB pictures, a label code of 4"
    golden = np.load(shared / "golden" / "sg2_G_skip_cond.npz", allow_pickle=False)
    network = load_generator(out).network
    image = network(torch.from_numpy(golden["z"]), torch.from_numpy(golden["c"]), noise=CONST)
    assert np.abs(image.numpy() - golden["img_const"]).max() < 1e-4


def test_the_golden_stylegan3_pickle_becomes_a_snapshot_with_the_golden_pictures(run, shared, tmp_path):
    out = tmp_path / "S.safetensors"
    status, output, error = run(shared / "golden" / "tiny_sg3.pkl", "--out", out)
    assert (status, error) == (0, "")
    assert output.splitlines()[0] == "stylegan3: 32x32 RGB pictures, no labels"
    golden = np.load(shared / "golden" / "sg3_G_T.npz", allow_pickle=False)
    image = load_generator(out).network(torch.from_numpy(golden["z"]))
    assert np.abs(image.numpy() - golden["img"]).max() < 1e-4


def test_it_tells_what_was_taken_and_what_not(run, tmp_path):
    network = write(tmp_path / "network.pkl", pickled(network_pickle(2, augment_pipe=augment_pipe(0.37), note="x")))
    out = tmp_path / "S.safetensors"
    status, output, error = run(network, "--out", out)
    assert (status, error) == (0, "")
    assert output.splitlines() == [
        "stylegan2: 16x16 RGB pictures, a label code of 2",
        "  G_ema: 50 tensors, 3,794 numbers",
        "  G: 50 tensors, 3,794 numbers",
        "  D: 36 tensors, 4,084 numbers",
        "  augmentation: p 0.37",
        "  of no use here: note",
        f"{out}: written",
    ]
    _, tensors = read_snapshot(out, ("augment.",))
    assert tensors == {"augment.p": torch.tensor(0.37)}


def test_the_moving_average_alone_on_request(run, tmp_path):
    network = write(tmp_path / "network.pkl", pickled(network_pickle()))
    out = tmp_path / "S.safetensors"
    assert run(network, "--out", out, "--snapshot-parts", "ema")[0] == 0
    _, tensors = read_snapshot(out, ("",))
    assert {name.split(".")[0] for name in tensors} == {"ema"}


def test_a_torch_file_with_g_ema_is_converted(run, tmp_path):
    network = tiny_generator()
    held = {"g_ema": rosinality_state(network), "latent_avg": network.mapping.w_mean}
    out = tmp_path / "S.safetensors"
    assert run(write(tmp_path / "g.pt", saved_by_torch(held)), "--out", out)[0] == 0
    z = torch.randn(2, 8)
    torch.testing.assert_close(load_generator(out).network(z, noise=CONST), network(z, noise=CONST))


def test_an_older_snapshot_is_replaced_and_kept_where_the_new_one_cannot_be_made(run, tmp_path):
    out = tmp_path / "S.safetensors"
    out.write_bytes(b"older")
    assert run(write(tmp_path / "bad.pkl", b"hello"), "--out", out)[0] == 2
    assert out.read_bytes() == b"older"
    assert run(write(tmp_path / "network.pkl", pickled(network_pickle())), "--out", out)[0] == 0
    assert load_generator(out).info.data["source"] == "network.pkl"


BAD = {
    "missing": (lambda f: f / "no.pkl", "S.safetensors", r"no.pkl: no such file"),
    "no pickle": (lambda f: write(f / "a.pkl", b"hello"), "S.safetensors", "a.pkl: not imported: "),
    "malicious": (
        lambda f: write(f / "a.pkl", pickled(Calls(os.system, "touch ran"))),
        "S.safetensors",
        "a.pkl: not imported: posix.system is not let in. Nothing in it was run",
    ),
    "another name": (lambda f: write(f / "a.zip", b"PK"), "S.safetensors", "a.zip: not the name of a public"),
    "out of another name": (
        lambda f: write(f / "a.pkl", pickled(network_pickle())),
        "S.pkl",
        "S.pkl: not a snapshot's name. Use a name that ends in .safetensors.",
    ),
}


@pytest.mark.parametrize("row", BAD)
def test_bad_input_is_one_line_and_status_2_and_nothing_is_written(run, tmp_path, row):
    make, out, message = BAD[row]
    network = make(tmp_path)
    before = sorted(tmp_path.iterdir())
    status, output, error = run(network, "--out", tmp_path / out)
    assert (status, output) == (2, "")
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert message in error
    assert sorted(tmp_path.iterdir()) == before


def test_a_missing_out_is_one_line(run, tmp_path):
    status, _, error = run(tmp_path / "network.pkl")
    assert (status, error) == (2, "error: Missing option '--out'.\n")
