// How pictures lie in memory; torch_utils/ops/layout.py says the same.
#pragma once

#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>

#include <cstdint>

namespace kaokore {

// Whether [N, C, H, W] lies in memory as [N, H, W, C]; not where that is the same as contiguous.
inline bool channels_last(const torch::stable::Tensor& x) {
  if (x.dim() != 4 || x.is_contiguous()) return false;
  const int64_t strides[] = {x.size(1) * x.size(2) * x.size(3), 1, x.size(1) * x.size(3), x.size(1)};
  for (int64_t i = 0; i < 4; ++i)
    if (x.size(i) > 1 && x.stride(i) != strides[i]) return false;
  return true;
}

// Room for pictures of another size, as many as in x and with as many channels.
inline torch::stable::Tensor new_pictures(const torch::stable::Tensor& x, int64_t height, int64_t width, bool last) {
  if (!last) return torch::stable::new_empty(x, {x.size(0), x.size(1), height, width});
  const torch::stable::Tensor y = torch::stable::new_empty(x, {x.size(0), height, width, x.size(1)});
  return torch::stable::transpose(torch::stable::transpose(y, 1, 3), 2, 3);
}

}  // namespace kaokore
