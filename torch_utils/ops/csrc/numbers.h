// Numbers and indices that kernels and their host code share; plain C++, compiled by g++ and by nvcc.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "activations.h"

namespace kaokore {

// The type computed in: half precision computes in float32 and rounds once.
template <class T>
using Wide = std::conditional_t<std::is_same_v<T, double>, double, float>;

// Neighbours in memory that one instruction loads or stores.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

constexpr int kPackBytes = 16;
template <class T>
constexpr int kPackSize = kPackBytes / static_cast<int>(sizeof(T));

// Bytes of shared memory for a piece of so many numbers.
template <class T>
constexpr KAOKORE_HD size_t piece(int count) {
  return (count * sizeof(T) + kPackBytes - 1) / kPackBytes * kPackBytes;
}

// Divides indices: in 32 bits where the whole tensor allows, which GPUs do several times faster.
struct Index {
  bool narrow;

  KAOKORE_HD int64_t quotient(int64_t i, int64_t by) const {
    return narrow ? static_cast<int64_t>(static_cast<uint32_t>(i) / static_cast<uint32_t>(by)) : i / by;
  }
  KAOKORE_HD int64_t remainder(int64_t i, int64_t by) const {
    return narrow ? static_cast<int64_t>(static_cast<uint32_t>(i) % static_cast<uint32_t>(by)) : i % by;
  }
};

template <class I>
KAOKORE_HD I least(I a, I b) {
  return a < b ? a : b;
}

template <class I>
KAOKORE_HD I most(I a, I b) {
  return a > b ? a : b;
}

template <class I>
KAOKORE_HD I ceil_div(I a, I b) {  // of numbers from 0 on
  return (a + b - 1) / b;
}

}  // namespace kaokore
