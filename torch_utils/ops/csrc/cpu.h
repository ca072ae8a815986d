// What the CPU bodies share: types, layouts and loops. Stable ABI only: no ATen headers, so that building takes seconds.
#pragma once

#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/core/ScalarType.h>
#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

// glibc has vector forms of these (libmvec); its own header names them only under -ffast-math, which would take NaN's
// meaning away. Their errors stay below 4 units in the last place.
#if defined(__x86_64__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
extern "C" {
__attribute__((__simd__("notinbranch"))) float expf(float) noexcept;
__attribute__((__simd__("notinbranch"))) float expm1f(float) noexcept;
__attribute__((__simd__("notinbranch"))) float log1pf(float) noexcept;
__attribute__((__simd__("notinbranch"))) float tanhf(float) noexcept;
}
#endif
#endif

#include "activations.h"  // whose functions are now known as vectors
#include "checks.h"
#include "layout.h"

namespace kaokore {

using torch::stable::Tensor;

constexpr int64_t kGrain = 16384;  // elements below which a second thread costs more than it gains

// Half types are computed in float and rounded once.
template <class S>
using Wide = std::conditional_t<std::is_same_v<S, double>, double, float>;

// The options of an activation; the clamp is rounded as the clamped values will be.
template <class S>
ActOptions<Wide<S>> act_options(double alpha, double gain, std::optional<double> clamp) {
  using W = Wide<S>;
  return {W(alpha), W(gain), clamp ? W(S(W(*clamp))) : W(-1)};
}

// Calls body(S{}) with the storage type of a tensor.
template <class Body>
void with_type(const Tensor& x, const char* op, const Body& body) {
  switch (x.scalar_type()) {
    case torch::headeronly::ScalarType::Float: return body(float{});
    case torch::headeronly::ScalarType::Double: return body(double{});
    case torch::headeronly::ScalarType::Half: return body(torch::headeronly::Half{});
    case torch::headeronly::ScalarType::BFloat16: return body(torch::headeronly::BFloat16{});
    default: STD_TORCH_CHECK(false, op, ": no kernel for type ", torch::headeronly::toString(x.scalar_type()));
  }
}

template <class S>
const S* data(const Tensor& x) {
  return static_cast<const S*>(x.const_data_ptr());
}

template <class S>
S* out_data(const Tensor& x) {
  return static_cast<S*>(x.mutable_data_ptr());
}

inline bool same_strides(const Tensor& a, const Tensor& b) {
  for (int64_t i = 0; i < a.dim(); ++i)
    if (a.size(i) > 1 && a.stride(i) != b.stride(i)) return false;
  return true;
}

// Whether the elements fill a stretch of memory without gaps or overlaps, in any order of the dimensions.
inline bool is_dense(const Tensor& x) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < x.dim(); ++i)
    if (x.size(i) != 1) order.push_back(i);
  std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) { return x.stride(a) < x.stride(b); });
  int64_t expected = 1;
  for (int64_t i : order) {
    if (x.stride(i) != expected) return false;
    expected *= x.size(i);
  }
  return true;
}

// x itself if it lies in memory exactly as `like` does, else a copy that does.
inline Tensor laid_out_as(const Tensor& x, const Tensor& like) {
  if (same_strides(x, like)) return x;
  Tensor copy = torch::stable::empty_like(like);
  torch::stable::copy_(copy, x);
  return copy;
}

// Where the channels of a pixel are neighbours, a few pixels are taken together, so that loops are long however few the
// channels: what belongs to the channels is repeated for each of them.
constexpr int64_t kTakenTogether = 512;  // elements

inline int64_t pixels_together(int64_t channels) {
  return std::max<int64_t>(1, kTakenTogether / std::max<int64_t>(channels, 1));
}

template <class S>
std::vector<Wide<S>> repeated(const S* values, int64_t count, int64_t times) {
  std::vector<Wide<S>> result(count * times);
  std::copy_n(values, count, result.begin());
  for (int64_t i = count; i < count * times; i += count) std::copy_n(result.begin(), count, result.begin() + i);
  return result;
}

// The sums of numbers that belong to the channels in turn are added to `sums`.
template <class W>
void add_by_channel(const std::vector<W>& numbers, int64_t channels, double* sums) {
  for (size_t first = 0; first < numbers.size(); first += channels) {
    const W* pixel = &numbers[first];
#pragma omp simd
    for (int64_t channel = 0; channel < channels; ++channel) sums[channel] += double(pixel[channel]);
  }
}

// x itself if dense, else a dense copy.
inline Tensor dense(const Tensor& x) {
  return is_dense(x) ? x : laid_out_as(x, torch::stable::empty_like(x));
}

}  // namespace kaokore
