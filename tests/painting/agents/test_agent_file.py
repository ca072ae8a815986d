"""Files that are no agents are refused in one line."""

import json

import pytest
import torch

from dataset.archive import Archive
from painting.agents.agent_file import FORMAT, load_agent
from tests.support.tiny_snapshot import write_snapshot
from torch_utils.errors import SnapshotError
from torch_utils.tensor_file import read_tensors, write_tensors


def changed(source, path, change):
    """A copy of an agent's file with its header changed, its digest right again."""
    file = read_tensors(source)
    document = json.loads(file.document)
    change(document)
    write_tensors(path, document, file.tensors)
    return path


def test_a_snapshot_of_a_generator_is_no_agent(drawn, tmp_path):
    with pytest.raises(SnapshotError, match="not a 'kaokore-stylegan painting agent 1'"):
        load_agent(write_snapshot(tmp_path / "generator.safetensors", Archive.open(drawn)))


def test_a_missing_and_a_damaged_file(agent, tmp_path):
    with pytest.raises(SnapshotError, match=r"no such file\. Give a file that paint\.py train-agent saved"):
        load_agent(tmp_path / "none.safetensors")
    whole = bytearray(agent.agent.read_bytes())
    whole[-100] ^= 1
    (tmp_path / "damaged.safetensors").write_bytes(whole)
    with pytest.raises(SnapshotError, match="damaged"):
        load_agent(tmp_path / "damaged.safetensors")


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("format",), "kaokore-stylegan painting agent 9", f"not a '{FORMAT}'"),
        (("config", "steps"), 0, "header is not understood"),
        (("config", "method", "kind"), "guess", "header is not understood"),
        (("config", "brush"), "spray", "spray"),
        (("config", "method", "width"), 32, "does not hold the network it describes"),
        (("config", "size"), 10**9, "header is not understood"),
    ],
)
def test_headers_that_do_not_fit(agent, tmp_path, path, value, said):
    def change(document):
        for name in path[:-1]:
            document = document[name]
        document[path[-1]] = value

    with pytest.raises(SnapshotError, match=said):
        load_agent(changed(agent.agent, tmp_path / "other.safetensors", change))


def test_loading_leaves_the_random_numbers_alone(agent):
    torch.manual_seed(5)
    load_agent(agent.agent)
    after = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(after, torch.rand(3))
