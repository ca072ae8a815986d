// Vectors as wide as the processor's, by the compilers' own extension.
#pragma once

#include <cstdint>
#include <cstring>

// Small arrays of vectors stay in registers only where every loop over them is unrolled and every function inlined.
#define KAOKORE_UNROLL _Pragma("GCC unroll 16")
#define KAOKORE_INLINE inline __attribute__((always_inline))

namespace kaokore {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

template <class W>
struct VectorOf {
  typedef W Type __attribute__((vector_size(kVectorBytes)));
};

template <class W>
using Vector = typename VectorOf<W>::Type;

template <class W>
constexpr int kVectorLanes = kVectorBytes / sizeof(W);

template <class W>
Vector<W> load(const W* from) {
  Vector<W> v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class W>
void store(const Vector<W>& v, W* to) {
  std::memcpy(to, &v, sizeof v);
}

}  // namespace kaokore
