// Half types a piece at a time as floats: loops see one type, which is the one they compute in.
#pragma once

#include "cpu.h"

#include <cstring>

#if defined(__F16C__)
#include <immintrin.h>
#endif

namespace kaokore {

// Numbers that are converted, or that are chosen before they are summed (GCC turns a choice into vectors, and a sum, but
// not both in one loop). They stay in the first-level cache.
constexpr int64_t kPiece = 512;

// Half types → float.
template <class S>
[[gnu::noinline]] void widen(const S* from, float* to, int64_t count) {
  int64_t i = 0;
#if defined(__F16C__)
  if constexpr (std::is_same_v<S, torch::headeronly::Half>)
    for (; i + 8 <= count; i += 8)
      _mm256_storeu_ps(to + i, _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(from + i))));
#endif
#pragma omp simd
  for (int64_t k = i; k < count; ++k) to[k] = float(from[k]);
}

// The bits of the nearest bfloat16, to even where two are as near; one NaN for all. Torch's own, without a branch.
inline uint16_t upper_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  return uint16_t(x == x ? rounded : 0x7fc0);
}

// float → half types, to the nearest.
template <class S>
[[gnu::noinline]] void narrow(const float* from, S* to, int64_t count) {
  int64_t i = 0;
#if defined(__F16C__)
  if constexpr (std::is_same_v<S, torch::headeronly::Half>)
    for (; i + 8 <= count; i += 8)
      _mm_storeu_si128(
          reinterpret_cast<__m128i*>(to + i), _mm256_cvtps_ph(_mm256_loadu_ps(from + i), _MM_FROUND_TO_NEAREST_INT));
#endif
  if constexpr (std::is_same_v<S, torch::headeronly::BFloat16>) {
#pragma omp simd
    for (int64_t k = 0; k < count; ++k) to[k].x = upper_half(from[k]);
  } else {
    for (; i < count; ++i) to[i] = S(from[i]);
  }
}

template <class S>
constexpr bool kConverted = !std::is_same_v<S, Wide<S>>;

// What a loop reads: the numbers themselves, or a piece of them converted.
template <class S>
class Reader {
 public:
  const Wide<S>* operator()(const S* from, int64_t count) {
    if constexpr (!kConverted<S>) return from;
    else {
      widen(from, room_, count);
      return room_;
    }
  }

 private:
  Wide<S> room_[kConverted<S> ? kPiece : 1];
};

// Where a loop writes: the place itself, or room for a piece that is put there afterwards.
template <class S>
class Writer {
 public:
  Wide<S>* room(S* to) {
    if constexpr (!kConverted<S>) return to;
    else return room_;
  }
  void put(S* to, int64_t count) const {
    if constexpr (kConverted<S>) narrow(room_, to, count);
  }

 private:
  Wide<S> room_[kConverted<S> ? kPiece : 1];
};

// Calls body(first, count) for stretches of [0, length): pieces where numbers are converted, else all at once.
template <class S, class Body>
void in_pieces(int64_t length, const Body& body) {
  const int64_t most = kConverted<S> ? kPiece : length;
  for (int64_t first = 0; first < length; first += most) body(first, std::min(most, length - first));
}

}  // namespace kaokore
