from types import SimpleNamespace

import torch

from benchmarks import iterations


def test_a_step_counts_by_how_many_batches_it_stands_for(monkeypatch):
    monkeypatch.setattr(iterations, "seconds_of", lambda body, device: 1.0)
    monkeypatch.setattr(iterations, "slices", lambda *_: [])
    monkeypatch.setattr(iterations, "iterate_due", lambda steps, batch: steps)
    steps = [SimpleNamespace(every=every) for every in (1, 4, 16)]
    state = SimpleNamespace(
        steps=steps, players=None, enter_phase=lambda: SimpleNamespace(batch_size=8), advance=lambda: None
    )
    rounds = iterations.iteration_rounds(state, 3, torch.device("cpu"))  # type: ignore[arg-type]
    assert rounds == [1 + 1 / 4 + 1 / 16 + 1] * 3  # and one for what comes after the steps
