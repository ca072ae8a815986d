"""From a command line to a run: in this process, in several that this one starts, or as one of those."""

import sys
from typing import Any

import torch

from dataset.archive import Archive
from torch_utils import distributed
from torch_utils.config import from_json, to_json
from torch_utils.errors import DataError
from torch_utils.worker import die_with_parent, end_at_once, fail
from training.config import TrainConfig
from training.options import Flags, open_run
from training.run import RunResult, train


def begin(flags: Flags) -> RunResult | int:
    """Train as the flags say; gives the result, or the exit status of the processes that did the work.

    Raises:
        UserError: before anything starts, for whatever the user can mend.
    """
    if distributed.launched():
        return _work(flags)
    config, folder, archive = open_run(flags)
    if config.runtime.ranks == 1:
        return train(config, folder, archive)
    from torch_utils.launch import launch  # slow to import, needed for several processes only

    command = [sys.executable, *sys.argv]
    return launch(command, processes=config.runtime.ranks, max_restarts=config.runtime.max_restarts)


def _work(flags: Flags) -> RunResult | int:
    """This process's part in a run of several."""
    die_with_parent()
    try:
        on_gpu = torch.cuda.is_available() if flags.gpus is None else flags.gpus > 0
        distributed.join(on_gpu=on_gpu, timeout=flags.timeout or 100.0, end=end_at_once)
        # The main process alone may have the run's folder, so it alone reads the options.
        told = distributed.on_main(lambda: _resolved(flags))
        archive = Archive.open(flags.data)
        if archive.digest != told["digest"]:
            raise DataError(f"{flags.data}: not the main process's pictures. Copy the same archive to each machine.")
        result = train(from_json(TrainConfig, told["config"]), told["folder"], archive)
        is_main = distributed.is_main()
        distributed.leave()
    except Exception as error:
        fail(error)
    return result if is_main else result.interrupted


def _resolved(flags: Flags) -> dict[str, Any]:
    config, folder, archive = open_run(flags)
    return {"config": to_json(config), "folder": folder, "digest": archive.digest}
