"""Whether all processes hold the same weights: a digest of every tensor, compared before anything is saved."""

from collections.abc import Iterator

import torch
from torch import Tensor

from torch_utils import distributed
from torch_utils.errors import DivergedError
from training.state import TrainingState


def check_equal(state: TrainingState) -> None:
    """Compare the processes' weights and moving average; nothing is done where there is one process.

    Raises:
        DivergedError: naming the first tensor that differs, and the processes that hold another than the main one.
    """
    if distributed.world_size() == 1:
        return
    tensors = dict(_tensors(state))
    own = torch.stack([_digest(tensor) for tensor in tensors.values()])
    table = own.new_zeros(distributed.world_size(), len(own))
    table[distributed.rank()] = own
    table = distributed.sum_over_processes(table)
    differs = (table != table[0]).cpu()
    if differs.any():
        place = int(differs.any(dim=0).nonzero()[0])
        ranks = ", ".join(map(str, differs[:, place].nonzero().flatten().tolist()))
        raise DivergedError(
            f"{list(tensors)[place]}: rank {ranks} holds other numbers than rank 0 (image {state.images_seen}). "
            "Nothing of them was saved: run the same command again, and have the memory of that machine tested."
        )


def _tensors(state: TrainingState) -> Iterator[tuple[str, Tensor]]:
    networks = {"G": state.players.generator, "D": state.players.discriminator, "moving average": state.ema}
    for title, network in networks.items():
        for name, tensor in network.state_dict().items():
            yield f"{title}: {name}", tensor


def _digest(tensor: Tensor) -> Tensor:
    """The sum of a tensor's bytes' words as whole numbers: exact, in any order, where the tensor is."""
    words = tensor.detach().contiguous().reshape(-1).view(torch.uint8)
    return (words.view(torch.int32) if len(words) % 4 == 0 else words).sum(dtype=torch.int64)
