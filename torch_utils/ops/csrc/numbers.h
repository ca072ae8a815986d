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

// Neighbours in memory.
template <class T, int N>
struct alignas(sizeof(T) * N) Pack {
  T at[N];
};

// So many bytes as one instruction loads or stores them. The compiler takes structures of half-precision numbers apart.
template <int Bytes>
struct BitsOf;

constexpr int kPackBytes = 16;
template <class T>
constexpr int kPackSize = kPackBytes / static_cast<int>(sizeof(T));

// Bytes of shared memory for a piece of so many numbers.
template <class T>
constexpr KAOKORE_HD size_t piece(int count) {
  return (count * sizeof(T) + kPackBytes - 1) / kPackBytes * kPackBytes;
}

// Divides by a number known before the launch: by multiplying, which GPUs do many times faster, and exactly for all
// dividends from 0 to 2^63 - 1; below 2^31 in 32 bits, many times faster again. Source: Granlund and Montgomery 1994,
// figure 4.1.
struct Divisor {
  int64_t by;
  uint64_t multiplier;
  uint32_t short_multiplier = 0;  // for dividends and divisors below 2^31
  int32_t shift = 0;

  Divisor() : Divisor(1) {}

  explicit Divisor(int64_t by) : by(by), multiplier(0) {
    if (by < 1) return;  // the size of an empty side: nothing is divided by it
    while ((uint64_t{1} << shift) < static_cast<uint64_t>(by)) ++shift;
    const unsigned __int128 excess = (uint64_t{1} << shift) - static_cast<uint64_t>(by);
    multiplier = static_cast<uint64_t>((excess << 64) / static_cast<uint64_t>(by)) + 1;
    if (shift < 32) short_multiplier = static_cast<uint32_t>((excess << 32) / static_cast<uint64_t>(by)) + 1;
  }

  KAOKORE_HD int64_t quotient(int64_t dividend) const {
    const uint64_t n = static_cast<uint64_t>(dividend);
    if (n >> 31 == 0 && shift < 32) {  // so the sum below stays within 32 bits
      const uint32_t few = static_cast<uint32_t>(n);
#ifdef __CUDA_ARCH__
      const uint32_t high = __umulhi(short_multiplier, few);
#else
      const uint32_t high = static_cast<uint32_t>(static_cast<uint64_t>(short_multiplier) * few >> 32);
#endif
      return (high + few) >> shift;
    }
    return long_quotient(dividend);
  }

  // The same in 64 bits throughout: for kernels that have no registers to spare for two roads.
  KAOKORE_HD int64_t long_quotient(int64_t dividend) const {
    const uint64_t n = static_cast<uint64_t>(dividend);
#ifdef __CUDA_ARCH__
    const uint64_t high = __umul64hi(multiplier, n);
#else
    const uint64_t high = static_cast<uint64_t>(static_cast<unsigned __int128>(multiplier) * n >> 64);
#endif
    return static_cast<int64_t>((high + n) >> shift);
  }

  KAOKORE_HD int64_t remainder(int64_t dividend) const { return dividend - quotient(dividend) * by; }
  KAOKORE_HD int64_t long_remainder(int64_t dividend) const { return dividend - long_quotient(dividend) * by; }
};

template <class I>
constexpr KAOKORE_HD I least(I a, I b) {
  return a < b ? a : b;
}

template <class I>
constexpr KAOKORE_HD I most(I a, I b) {
  return a > b ? a : b;
}

template <class I>
constexpr KAOKORE_HD I ceil_div(I a, I b) {  // of numbers from 0 on
  return (a + b - 1) / b;
}

}  // namespace kaokore
