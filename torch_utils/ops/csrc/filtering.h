// What the CPU's ways of filtering share: which inputs and taps meet in an output, and sums of weighted rows.
#pragma once

#include "cpu.h"

namespace kaokore {

constexpr int64_t kTogether = 4;  // terms summed in one pass over memory

inline int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Resampling along one axis: output o sees inputs i where i * up = o * down + tap - before.
struct Axis {
  int64_t in, out, up, down, before, taps;

  // The first tap that meets an input sample for output o; every `up`-th from there on does.
  int64_t first_tap(int64_t o) const {
    const int64_t rest = (before - o * down) % up;
    return rest < 0 ? rest + up : rest;
  }
  int64_t input_of(int64_t o, int64_t tap) const { return (o * down + tap - before) / up; }
};

// out[i] (+)= sum over k < Count of weights[k] * sources[k][i].
template <int Count, bool Add, class W>
void weighted_sum(W* out, int64_t length, const W* const* sources, const W* weights) {
  const W *a = sources[0], *b = sources[Count > 1], *c = sources[Count > 2 ? 2 : 0], *d = sources[Count > 3 ? 3 : 0];
  const W p = weights[0], q = weights[Count > 1], r = weights[Count > 2 ? 2 : 0], s = weights[Count > 3 ? 3 : 0];
#pragma omp simd
  for (int64_t i = 0; i < length; ++i) {
    W sum = p * a[i];
    if constexpr (Count > 1) sum += q * b[i];
    if constexpr (Count > 2) sum += r * c[i];
    if constexpr (Count > 3) sum += s * d[i];
    out[i] = Add ? out[i] + sum : sum;
  }
}

template <bool Add, class W>
void weighted_sum(W* out, int64_t length, const W* const* sources, const W* weights, int64_t count) {
  switch (count) {
    case 1: return weighted_sum<1, Add>(out, length, sources, weights);
    case 2: return weighted_sum<2, Add>(out, length, sources, weights);
    case 3: return weighted_sum<3, Add>(out, length, sources, weights);
    default: return weighted_sum<4, Add>(out, length, sources, weights);
  }
}

// The same for any number of terms, four to a pass over memory; none gives zeros.
template <class W>
struct Terms {
  std::vector<const W*> sources;
  std::vector<W> weights;

  void add(const W* source, double weight) {
    sources.push_back(source);
    weights.push_back(W(weight));
  }
  void clear() {
    sources.clear();
    weights.clear();
  }
  void sum(W* out, int64_t length) const {
    const int64_t count = sources.size();
    if (count == 0) std::fill(out, out + length, W(0));
    for (int64_t k = 0; k < count; k += kTogether) {
      const auto pass = k == 0 ? weighted_sum<false, W> : weighted_sum<true, W>;
      pass(out, length, &sources[k], &weights[k], std::min(kTogether, count - k));
    }
  }
};

// A filter as its taps along each axis where it is exactly their product, else (rank 2 and more) as all of them.
struct Filter {
  bool separable;
  std::vector<double> along_x, along_y, all;
};

}  // namespace kaokore
