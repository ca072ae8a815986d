"""What every test may use."""

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from torch_utils import cli
from torch_utils.ops import native

Script = Callable[..., tuple[object, str, str]]  # (name, arguments …) → status, stdout, stderr
REPOSITORY = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    """Tests run beside each other; one thread each is faster and repeatable."""
    torch.set_num_threads(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--plain", action="store_true", help="Run with the plain bodies of the ops; default: compiled.")
    # Given by tests that start tests.
    parser.addoption("--emulated-library", help="Test the CUDA kernels of this library; default: compile them.")
    parser.addoption("--cpp-library", help="Test the C++ bodies of this library; default: those of the cache.")


@pytest.fixture(autouse=True, scope="session")
def bodies(request: pytest.FixtureRequest) -> Iterator[None]:
    """One kind of body for the whole session, whatever a test starts: compiled where they can be built, or plain."""
    with pytest.MonkeyPatch.context() as patch:
        if request.config.getoption("--plain"):
            patch.setattr(native, "libraries", lambda **_: ())
        else:
            said: list[str] = []
            loaded = native.load_ops("auto", torch.device("cpu"), said.append)
            # With a compiler here they must load: a library that its trial refuses would leave the plain bodies tested.
            if shutil.which("g++") and "ops_cpu" not in loaded.names:
                pytest.exit("\n".join(["the compiled ops cannot be used:", *said]), returncode=1)
        yield


@pytest.fixture(scope="session")
def repository() -> Path:
    """The checkout's top folder."""
    return REPOSITORY


@pytest.fixture
def script(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[object, str, str]]:
    """Run a script of ours by its name, as a command line would; gives status, stdout, stderr."""

    def call(name: str, *arguments: object) -> tuple[object, str, str]:
        command = importlib.import_module(name).main
        monkeypatch.setattr(sys, "argv", [f"{name}.py", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            cli.run(command)
        return stop.value.code or 0, *capsys.readouterr()

    return call


@pytest.fixture(scope="session")
def shared() -> Path:
    """`../shared` beside the checkout (golden numbers, real pictures, weights); skips, counted, where it is absent."""
    folder = REPOSITORY.parent / "shared"
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    return folder


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of one mebibyte of its own, where the rights allow it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", disk]
    if os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small disk cannot be mounted here")
    yield disk
    subprocess.run(["umount", disk], check=True)
