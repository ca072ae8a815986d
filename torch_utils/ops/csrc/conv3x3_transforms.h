// Winograd's transforms for F(4x4, 3x3), in one dimension.
#pragma once

#include <type_traits>

#include "vectors.h"

namespace kaokore {

// Each is followed by its adjoint where that is needed too. The polynomials are evaluated at 0, ±√½, ±√2 and infinity,
// whose errors are half of those with the usual ±1, ±2.
constexpr double kRootOfHalf = 0.70710678118654752440, kRootOfTwo = 1.41421356237309504880;

// B^T d: six pixels → six places.
template <class V, class W = std::decay_t<decltype(V{}[0])>>
KAOKORE_INLINE void transform_pixels(const V (&d)[6], V (&v)[6]) {
  constexpr W a = kRootOfHalf, b = kRootOfTwo;
  const V even_a = d[4] - 2 * d[2], odd_a = a * d[3] - b * d[1];
  const V even_b = d[4] - d[2] * W(0.5), odd_b = b * d[3] - a * d[1];
  v[0] = d[0] - d[2] * W(2.5) + d[4];
  v[1] = even_a + odd_a;
  v[2] = even_a - odd_a;
  v[3] = even_b + odd_b;
  v[4] = even_b - odd_b;
  v[5] = d[1] - d[3] * W(2.5) + d[5];
}

// G g: three taps → six places.
template <class V, class W = std::decay_t<decltype(V{}[0])>>
KAOKORE_INLINE void transform_taps(const V (&g)[3], V (&u)[6]) {
  constexpr W a = -2 * kRootOfHalf / 3, b = kRootOfTwo / 6, third = 1.0 / 3;
  const V even_a = -third * (2 * g[0] + g[2]), odd_a = a * g[1];
  const V even_b = third * (g[0] * W(0.5) + g[2]), odd_b = b * g[1];
  u[0] = g[0];
  u[1] = even_a + odd_a;
  u[2] = even_a - odd_a;
  u[3] = even_b + odd_b;
  u[4] = even_b - odd_b;
  u[5] = g[2];
}

// G^T u: six places → three taps.
template <class V, class W = std::decay_t<decltype(V{}[0])>>
KAOKORE_INLINE void gather_taps(const V (&u)[6], V (&g)[3]) {
  constexpr W a = -2 * kRootOfHalf / 3, b = kRootOfTwo / 6, third = 1.0 / 3;
  const V sum_a = u[1] + u[2], sum_b = u[3] + u[4];
  g[0] = u[0] + third * (sum_b * W(0.5) - 2 * sum_a);
  g[1] = a * (u[1] - u[2]) + b * (u[3] - u[4]);
  g[2] = third * (sum_b - sum_a) + u[5];
}

// A^T m: six places → four results.
template <class V, class W = std::decay_t<decltype(V{}[0])>>
KAOKORE_INLINE void gather_results(const V (&m)[6], V (&y)[4]) {
  constexpr W a = kRootOfHalf, b = kRootOfTwo;
  const V sum_a = m[1] + m[2], sum_b = m[3] + m[4], odd_a = a * (m[1] - m[2]), odd_b = b * (m[3] - m[4]);
  y[0] = m[0] + sum_a + sum_b;
  y[1] = odd_a + odd_b;
  y[2] = sum_a * W(0.5) + 2 * sum_b;
  y[3] = odd_a * W(0.5) + 2 * odd_b + m[5];
}

// A d: the gradients of four results → six places.
template <class V, class W = std::decay_t<decltype(V{}[0])>>
KAOKORE_INLINE void transform_gradients(const V (&d)[4], V (&e)[6]) {
  constexpr W a = kRootOfHalf, b = kRootOfTwo;
  const V even_a = d[0] + d[2] * W(0.5), odd_a = a * (d[1] + d[3] * W(0.5));
  const V even_b = d[0] + 2 * d[2], odd_b = b * (d[1] + 2 * d[3]);
  e[0] = d[0];
  e[1] = even_a + odd_a;
  e[2] = even_a - odd_a;
  e[3] = even_b + odd_b;
  e[4] = even_b - odd_b;
  e[5] = d[3];
}

}  // namespace kaokore
