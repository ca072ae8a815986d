import shutil

import pytest

from tests.support.toolchains import script, toolkit, without_compilers
from torch_utils.ops.compiler.cuda_toolkit import CudaToolkit, find_cuda_toolkit


@pytest.fixture
def find(tmp_path):
    """Look in this test's folders alone: pip's packages in `pip`, toolkits in `system`, and $CUDA_HOME."""

    def look(*, wanted: str | None = "13.0", pip=("pip",), **environment: str):
        return find_cuda_toolkit(
            wanted,
            without_compilers(tmp_path, **environment),
            pip_folders=[tmp_path / name for name in pip],
            system=tmp_path / "system",
        )

    return look


def taken(found: CudaToolkit | None) -> CudaToolkit:
    assert found is not None
    return found


def test_pips_folder_is_a_toolkit_and_comes_before_cuda_home(tmp_path, find):
    toolkit(tmp_path / "pip/cu13")
    found, rejected = find(CUDA_HOME=str(toolkit(tmp_path / "home")))
    assert taken(found).nvcc == tmp_path / "pip/cu13/bin/nvcc"
    assert found.runtime == tmp_path / "pip/cu13/lib/libcudart.so.13"
    assert found.includes == (tmp_path / "pip/cu13/include",)
    assert (found.architectures, found.version, rejected) == (("75", "120"), "Build 13.0", ())


def test_pips_packages_may_be_spread_over_two_folders(tmp_path, find):
    toolkit(tmp_path / "pip/cu13")
    (tmp_path / "other/cu13/lib").mkdir(parents=True)
    (tmp_path / "other/cu13/include").mkdir()
    shutil.move(tmp_path / "pip/cu13/lib/libcudart.so.13", tmp_path / "other/cu13/lib")
    shutil.move(tmp_path / "pip/cu13/include/cuda_runtime.h", tmp_path / "other/cu13/include")
    found = taken(find(pip=("pip", "other"))[0])
    assert found.runtime == tmp_path / "other/cu13/lib/libcudart.so.13"
    assert found.includes == (tmp_path / "pip/cu13/include", tmp_path / "other/cu13/include")


def test_cuda_home_comes_before_the_path_and_the_path_before_the_system(tmp_path, find):
    home, on_path, system = (toolkit(tmp_path / name) for name in ("home", "on_path", "system/cuda-13.0"))
    path = {"PATH": f"{on_path}/bin:/usr/bin:/bin"}
    assert taken(find(CUDA_HOME=str(home), **path)[0]).nvcc == home / "bin/nvcc"
    assert taken(find(**path)[0]).nvcc == on_path / "bin/nvcc"
    assert taken(find()[0]).nvcc == system / "bin/nvcc"


def test_an_nvcc_on_the_path_that_calls_another_leads_to_its_toolkit(tmp_path, find):
    real = toolkit(tmp_path / "far/away")
    script(tmp_path / "wrappers/nvcc", f'exec {real}/bin/nvcc "$@"')
    found, _ = find(PATH=f"{tmp_path / 'wrappers'}:/usr/bin:/bin")
    assert taken(found).nvcc == real / "bin/nvcc"
    assert found.origin == f"nvcc on the PATH ({tmp_path / 'wrappers/nvcc'})"


@pytest.mark.parametrize(
    ("part", "package"),
    [
        ("bin/nvcc", "nvidia-cuda-nvcc"),
        ("nvvm/bin/cicc", "nvidia-nvvm"),
        ("include/cuda_runtime.h", "nvidia-cuda-runtime"),
        ("include/cuda_fp16.h", "nvidia-cuda-runtime"),
        ("include/crt/host_config.h", "nvidia-cuda-crt"),
        ("include/nv/target", "nvidia-cuda-cccl"),
        ("lib/libcudart.so.13", "nvidia-cuda-runtime"),
    ],
)
def test_an_incomplete_toolkit_is_passed_over_and_the_missing_part_named(tmp_path, find, part, package):
    (toolkit(tmp_path / "pip/cu13") / part).unlink()
    whole = toolkit(tmp_path / "system/cuda")
    found, rejected = find()
    assert taken(found).nvcc == whole / "bin/nvcc"
    assert [str(item) for item in rejected] == [f"pip (nvidia/cu13): {part} is missing (pip package {package})"]


def test_an_nvcc_of_another_version_is_passed_over(tmp_path, find):
    nvcc = toolkit(tmp_path / "pip/cu13", release="13.5") / "bin/nvcc"
    found, rejected = find()
    assert found is None
    assert [str(item) for item in rejected] == [f"pip (nvidia/cu13): {nvcc} is of CUDA 13.5, torch of 13.0"]


def test_an_nvcc_that_does_not_run_is_passed_over(tmp_path, find):
    nvcc = script(toolkit(tmp_path / "pip/cu13") / "bin/nvcc", "echo no such library >&2; exit 127")
    _, (rejected,) = find()
    assert str(rejected) == f"pip (nvidia/cu13): {nvcc} ends with status 127 (no such library)"
    nvcc.chmod(0o644)
    _, (rejected,) = find()
    assert str(rejected) == f"pip (nvidia/cu13): {nvcc} does not run (Permission denied)"


def test_a_wrapper_that_names_no_toolkit_is_passed_over(tmp_path, find):
    wrapper = script(tmp_path / "wrappers/nvcc", "echo hello")
    _, rejected = find(PATH=f"{tmp_path / 'wrappers'}:/usr/bin:/bin")
    assert str(rejected[-1]) == f"nvcc on the PATH ({wrapper}): nvcc --dryrun does not name its folder"


def test_the_same_folder_under_two_names_is_looked_at_once(tmp_path, find):
    (toolkit(tmp_path / "system/cuda-13.0") / "nvvm/bin/cicc").unlink()
    (tmp_path / "system/cuda").symlink_to("cuda-13.0")
    found, rejected = find(CUDA_HOME=str(tmp_path / "system/cuda"))
    assert found is None
    assert [item.candidate for item in rejected] == ["pip (nvidia/cu13)", f"$CUDA_HOME ({tmp_path / 'system/cuda'})"]


def test_a_torch_without_cuda_needs_no_toolkit(tmp_path, find):
    toolkit(tmp_path / "pip/cu13")
    found, rejected = find(wanted=None)
    assert found is None
    assert [str(item) for item in rejected] == ["CUDA: this torch was built without it"]
