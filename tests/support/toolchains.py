"""Compilers and toolkits that are not what they should be, and sources that compile in no time."""

import os
import stat
from pathlib import Path

from torch_utils.ops.compiler.library import Library

FIRST_LINE = "g++ (Pretended) 12.2.0"


def script(path: Path, text: str) -> Path:
    """An executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def compiler(path: Path, *, when_compiling: str) -> Path:
    """A g++ that says its version, and does as told when it is to compile."""
    return script(path, f'if [ "$1" = --version ]; then echo "{FIRST_LINE}"; exit 0; fi\n{when_compiling}')


def toolkit(folder: Path, *, release: str = "13.0") -> Path:
    """A folder with every part of a CUDA toolkit that is looked for; its nvcc says what a real one says."""
    for part in (
        "include/cuda_runtime.h",
        "include/cuda_fp16.h",
        "include/crt/host_config.h",
        "include/nv/target",
        "nvvm/bin/cicc",
        f"lib/libcudart.so.{release.partition('.')[0]}",
    ):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).touch()
    script(
        folder / "bin/nvcc",
        f"""case "$1" in
  --version) echo "Cuda compilation tools, release {release}, V{release}.88"; echo "Build {release}";;
  --list-gpu-arch) echo compute_75; echo compute_120;;
  --dryrun) echo "#$ TOP={folder}/bin/.." >&2;;
  *) echo "nvcc fatal: pretended"; exit 1;;
esac""",
    )
    return folder


def answer(folder: Path, value: int = 42) -> Library:
    """A library without torch: one function that returns a number."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "answer.cpp"
    source.write_text(f'extern "C" int answer() {{ return {value}; }}\n', encoding="utf-8")
    return Library("ops_cpu", (source,), ())


def without_compilers(tmp_path: Path, **more: str) -> dict[str, str]:
    """An environment whose PATH is an empty folder, and whose cache is in `tmp_path`."""
    empty = tmp_path / "empty"
    empty.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in ("CXX", "CUDA_HOME")}
    return {**kept, "PATH": str(empty), "XDG_CACHE_HOME": str(tmp_path / "cache"), **more}


_HEADERS = """
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
using torch::stable::Tensor;
static Tensor twice(Tensor x) {
  Tensor y = torch::stable::empty_like(x);
  for (int64_t i = 0; i < x.numel(); ++i) y.mutable_data_ptr<float>()[i] = 2 * x.const_data_ptr<float>()[i];
  return y;
}
"""


def twice(folder: Path) -> Path:
    """A folder of sources with an op of its own, which doubles float32 numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    registered = """
STABLE_TORCH_LIBRARY(kaokore_test, m) { m.def("twice(Tensor x) -> Tensor"); }
STABLE_TORCH_LIBRARY_IMPL(kaokore_test, CPU, m) { m.impl("twice", TORCH_BOX(&twice)); }
"""
    (folder / "twice.cpp").write_text(_HEADERS + registered, encoding="utf-8")
    return folder


def refusing(folder: Path) -> Library:
    """A library with an op of its own that refuses whatever it is given."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "refuse.cpp"
    registered = """
#include <torch/headeronly/util/Exception.h>
#include <stdexcept>
#include <sstream>
static Tensor refuse(Tensor x) {
  STD_TORCH_CHECK(x.dim() > 99, "x of ", x.dim(), " dimensions is not wanted");
  return x;
}
STABLE_TORCH_LIBRARY(kaokore_test, m) { m.def("refuse(Tensor x) -> Tensor"); }
STABLE_TORCH_LIBRARY_IMPL(kaokore_test, CPU, m) { m.impl("refuse", TORCH_BOX(&refuse)); }
"""
    source.write_text(_HEADERS + registered, encoding="utf-8")
    return Library("ops_cpu", (source,), ())


def wrong_warp(folder: Path) -> Path:
    """A folder of sources whose body of kaokore::warp doubles the picture instead of warping it."""
    folder.mkdir(parents=True, exist_ok=True)
    registered = """
static Tensor warp(Tensor x, Tensor matrices, std::vector<int64_t> size) { return twice(x); }
STABLE_TORCH_LIBRARY_IMPL(kaokore, CPU, m) { m.impl("warp", TORCH_BOX(&warp)); }
"""
    (folder / "warp.cpp").write_text(_HEADERS + registered, encoding="utf-8")
    return folder


def twice_on_cuda(folder: Path) -> Library:
    """A CUDA library with an op of its own, which doubles float32 numbers; needs every part of a toolkit."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "twice.cu"
    text = """
#include <cuda_fp16.h>
#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
using torch::stable::Tensor;
__global__ void kernel(const float* x, float* y, int64_t n) {
  const int64_t i = blockIdx.x * int64_t(blockDim.x) + threadIdx.x;
  if (i < n) y[i] = 2 * x[i];
}
static Tensor twice(Tensor x) {
  Tensor y = torch::stable::empty_like(x);
  void* stream = nullptr;
  TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(x.get_device_index(), &stream));
  const int64_t n = x.numel();
  kernel<<<(n + 255) / 256, 256, 0, (cudaStream_t)stream>>>(x.const_data_ptr<float>(), y.mutable_data_ptr<float>(), n);
  return y;
}
STABLE_TORCH_LIBRARY(kaokore_cuda_test, m) { m.def("twice(Tensor x) -> Tensor"); }
STABLE_TORCH_LIBRARY_IMPL(kaokore_cuda_test, CUDA, m) { m.impl("twice", TORCH_BOX(&twice)); }
"""
    source.write_text(text, encoding="utf-8")
    return Library("ops_cuda", (source,), ())
