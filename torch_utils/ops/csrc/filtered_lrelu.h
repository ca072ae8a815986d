// What the CPU and the CUDA bodies of filtered_lrelu share: sizes, the check of arguments, and one fine sample.
// torch_utils/ops/filtered_lrelu.py is the specification.
#pragma once

#include <optional>
#include <vector>

#include "activations.h"
#include "checks.h"

namespace kaokore {

// Two bits of each sample of the fine picture, four samples to a byte, the leftmost in the lowest bits.
constexpr unsigned kBlocked = 0, kPositive = 1, kNegative = 2;
constexpr int kSamplesAByte = 4;

// What lies behind the leaky ReLU, its gain and its clamp, and the sample's sign.
template <class T>
KAOKORE_HD T fine_value(T v, ActOptions<T> o, unsigned* sign) {
  const T y = act_value<Act::lrelu>(v, o.alpha) * o.gain;
  *sign = o.limit >= 0 && !(std::abs(y) < o.limit) ? kBlocked : v > 0 ? kPositive : kNegative;
  return clamped(y, o.limit);
}

// The slope of a sample whose sign is known.
template <class T>
KAOKORE_HD T fine_slope(unsigned sign, ActOptions<T> o) {
  return sign == kPositive ? o.gain : sign == kNegative ? o.alpha * o.gain : T(0);
}

// One axis: fine sample m sees inputs i through tap i * up + pad - m of fu; output o sees samples through tap
// m - o * down of fd. `fine` counts the samples that outputs see.
struct FineAxis {
  int64_t in, fine, out, up, down, pad, taps_up, taps_down;
};

struct FineAxes {
  FineAxis x, y;
};

inline void check_filter(const char* op, const char* name, const torch::stable::Tensor& f) {
  STD_TORCH_CHECK((f.dim() == 1 || f.dim() == 2) && f.numel() > 0, op, ": ", name, " of shape ", shape_of(f),
                  " is neither [taps] nor [height, width]");
}

// The axes of a call, checked.
inline FineAxes fine_axes(const char* op, const torch::stable::Tensor& x, const torch::stable::Tensor& fu,
                          const torch::stable::Tensor& fd, const std::vector<int64_t>& up,
                          const std::vector<int64_t>& down, const std::vector<int64_t>& padding) {
  check_pictures(op, x);
  check_filter(op, "fu", fu);
  check_filter(op, "fd", fd);
  STD_TORCH_CHECK(up.size() == 2 && down.size() == 2 && padding.size() == 4, op,
                  ": up and down take two numbers, padding four");
  FineAxis axes[2];
  for (int axis = 0; axis < 2; ++axis) {
    STD_TORCH_CHECK(up[axis] >= 1 && down[axis] >= 1, op, ": up and down begin at 1");
    const int64_t in = x.size(3 - axis), before = padding[2 * axis], after = padding[2 * axis + 1];
    const int64_t taps_up = fu.size(axis == 0 ? fu.dim() - 1 : 0), taps_down = fd.size(axis == 0 ? fd.dim() - 1 : 0);
    const int64_t room = in * up[axis] + before + after + 1 - taps_up - taps_down;
    STD_TORCH_CHECK(room >= 0, op, ": padding [", padding[0], ", ", padding[1], ", ", padding[2], ", ", padding[3],
                    "] leaves nothing of ", x.size(3), "x", x.size(2), " pixels.");
    const int64_t out = room / down[axis] + 1;
    axes[axis] = {in, (out - 1) * down[axis] + taps_down, out, up[axis], down[axis], before, taps_up, taps_down};
  }
  return {axes[0], axes[1]};
}

inline void check_signs(const torch::stable::Tensor& signs, const torch::stable::Tensor& x,
                        const std::vector<int64_t>& offset) {
  const bool fits = signs.dim() == 4 && signs.scalar_type() == torch::headeronly::ScalarType::Byte &&
                    signs.size(0) == x.size(0) && signs.size(1) == x.size(1) && signs.size(2) > 0 && signs.size(3) > 0;
  STD_TORCH_CHECK(fits, "filtered_lrelu_signed: signs of shape ", shape_of(signs), " do not fit x of shape ",
                  shape_of(x));
  STD_TORCH_CHECK(offset.size() == 2, "filtered_lrelu_signed: offset takes two numbers");
}

inline int64_t bytes_of_signs(int64_t samples) { return (samples + kSamplesAByte - 1) / kSamplesAByte; }

}  // namespace kaokore
