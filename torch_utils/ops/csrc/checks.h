// One line for arguments that do not fit each other, in the same words whatever the device.
#pragma once

#include <torch/csrc/stable/c/shim.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/tensor.h>

#include <string>
#include <vector>

namespace kaokore {

inline std::string shape_of(const torch::stable::Tensor& x) {
  std::string text = "[";
  for (int64_t d = 0; d < x.dim(); ++d) text += (d ? ", " : "") + std::to_string(x.size(d));
  return text + "]";
}

// The text of an argument, which is freed. Kernels take a handle, not std::string: torch's conversion to that (2.11) never
// frees the copy it makes, and 48 bytes a call in the midst of a heap keep whole tensors' places from being used again.
inline std::string taken(StringHandle handle) {
  size_t length = 0;
  const char* data = nullptr;
  TORCH_ERROR_CODE_CHECK(torch_string_length(handle, &length));
  TORCH_ERROR_CODE_CHECK(torch_string_c_str(handle, &data));
  const std::string text(data, length);
  TORCH_ERROR_CODE_CHECK(torch_delete_string(handle));
  return text;
}

// `other` must have these sizes and x's type.
inline void check_fits(const char* op, const char* name, const torch::stable::Tensor& other,
                       const torch::stable::Tensor& x, const std::vector<int64_t>& sizes) {
  bool fits = other.dim() == static_cast<int64_t>(sizes.size());
  for (size_t d = 0; fits && d < sizes.size(); ++d) fits = other.size(d) == sizes[d];
  STD_TORCH_CHECK(fits, op, ": ", name, " of shape ", shape_of(other), " does not fit x of shape ", shape_of(x));
  STD_TORCH_CHECK(other.scalar_type() == x.scalar_type(), op, ": ", name, " is of type ",
                  torch::headeronly::toString(other.scalar_type()), ", x of type ",
                  torch::headeronly::toString(x.scalar_type()));
}

inline void check_pictures(const char* op, const torch::stable::Tensor& x) {
  STD_TORCH_CHECK(x.dim() == 4, op, ": x of shape ", shape_of(x), " is not [N, C, H, W]");
}

// The arguments of the warp and of its transpose.
inline void check_warp(const char* op, const torch::stable::Tensor& x, const torch::stable::Tensor& matrices,
                       const std::vector<int64_t>& size) {
  check_pictures(op, x);
  STD_TORCH_CHECK(matrices.dim() == 3 && matrices.size(0) == x.size(0) && matrices.size(1) == 2 &&
                      matrices.size(2) == 3,
                  op, ": matrices of shape ", shape_of(matrices), " are not [N, 2, 3] for x of shape ", shape_of(x));
  STD_TORCH_CHECK(size.size() == 2 && size[0] >= 0 && size[1] >= 0, op, ": size is not (height, width)");
}

// The arguments of a 3x3 convolution and of the gradient of its weights.
inline void check_conv3x3(const torch::stable::Tensor& x, const torch::stable::Tensor& w, bool transposed) {
  check_pictures("conv3x3", x);
  const int64_t channels = x.size(1);
  if (transposed)
    check_fits("conv3x3", "w", w, x, {channels, w.dim() == 4 ? w.size(1) : 0, 3, 3});
  else
    check_fits("conv3x3", "w", w, x, {w.dim() == 4 ? w.size(0) : 0, channels, 3, 3});
}

inline void check_conv3x3_weight(const torch::stable::Tensor& dy, const torch::stable::Tensor& x) {
  check_pictures("conv3x3_weight", dy);
  check_pictures("conv3x3_weight", x);
  check_fits("conv3x3_weight", "dy", dy, x, {x.size(0), dy.size(1), x.size(2), x.size(3)});
}

}  // namespace kaokore
