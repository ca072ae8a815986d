// upfirdn2d where the channels of a pixel are neighbours in memory. Rows are combined along y, then pixels along x: all
// inner loops run over whole rows or over the channels of a pixel, and nothing has to be moved together first.
#pragma once

#include "filtering.h"

#include <memory>

namespace kaokore {

// One output row after another, of any picture. S: the type in memory; sums are made in Wide<S>.
template <class S>
class PixelFilter {
  using W = Wide<S>;
  static constexpr bool kSameType = std::is_same_v<S, W>;
  static constexpr size_t kCacheLine = 64;

 public:
  PixelFilter(const Axis& x, const Axis& y, const Filter& filter, int64_t channels)
      : x_(x), y_(y), filter_(filter), channels_(channels), pitch_(x.in * channels) {
    // Pixels beyond the picture that the taps reach; they stay zero.
    const int64_t last = floor_div((x.out - 1) * x.down + x.taps - 1 - x.before, x.up);
    left_ = std::max<int64_t>(0, -floor_div(-x.before, x.up));
    const int64_t right = std::max<int64_t>(0, last - (x.in - 1));
    room_.assign((left_ + x.in + right) * channels + kCacheLine / sizeof(W), W(0));
    void* from = room_.data();
    size_t space = room_.size() * sizeof(W);
    line_ = static_cast<W*>(std::align(kCacheLine, 1, from, space)) + left_ * channels;
    if (!kSameType) {
      loaded_.resize(pitch_);
      summed_.resize(x.out * channels);
    }
    const int64_t rows = filter.separable ? 1 : y.taps;
    for (int64_t row = 0; row < rows; ++row)
      add_phases(filter.separable ? filter.along_x.data() : filter.all.data() + row * x.taps);
  }

  // Output row `o` of a picture.
  void operator()(const S* in, S* out, int64_t o) {
    W* to = in_place(out);
    bool seen = false;
    terms_.clear();
    for (int64_t tap = y_.first_tap(o); tap < y_.taps; tap += y_.up) {
      const int64_t i = y_.input_of(o, tap);
      if (i < 0 || i >= y_.in) continue;  // above or below the picture
      if (filter_.separable && kSameType) {
        terms_.add(in_place(in + i * pitch_), filter_.along_y[tap]);
      } else {
        load(in + i * pitch_, filter_.separable ? W(filter_.along_y[tap]) : W(1), filter_.separable && seen);
        if (!filter_.separable) seen ? along_x<true>(tap, to) : along_x<false>(tap, to);
      }
      seen = true;
    }
    if (filter_.separable && seen) {
      if (kSameType) terms_.sum(line_, pitch_);
      along_x<false>(0, to);
    }
    if (!seen) std::fill(to, to + x_.out * channels_, W(0));
    if constexpr (!kSameType)
      for (int64_t i = 0; i < x_.out * channels_; ++i) out[i] = S(to[i]);
  }

 private:
  // The taps of one row of the filter, by the phase of the output that sees them: they meet neighbouring pixels.
  void add_phases(const double* taps) {
    for (int64_t phase = 0; phase < x_.up; ++phase) {
      std::vector<W> weights;
      for (int64_t tap = x_.first_tap(phase); tap < x_.taps; tap += x_.up) weights.push_back(W(taps[tap]));
      weights_.push_back(weights);
    }
  }

  // The line (+)= weight * row, within its margins.
  void load(const S* row, W weight, bool add) {
    W* to = line_;
    if (add) {
#pragma omp simd
      for (int64_t i = 0; i < pitch_; ++i) to[i] += weight * W(row[i]);
    } else {
#pragma omp simd
      for (int64_t i = 0; i < pitch_; ++i) to[i] = weight * W(row[i]);
    }
  }

  // Output o and every `up`-th after it see the same taps, `down` pixels further on each time.
  template <bool Add>
  void along_x(int64_t tap_y, W* to) const {
    const std::vector<W>* phases = &weights_[filter_.separable ? 0 : tap_y * x_.up];
    const W* line = line_;
    if (x_.up == 1 && x_.down == 1)  // all outputs are alike: one loop over the row
      return neighbours<Add>({line - x_.before * channels_, to, 1, 0, 0, x_.out * channels_}, phases[0]);
    for (int64_t phase = 0; phase < std::min(x_.up, x_.out); ++phase) {
      const W* first = line + x_.input_of(phase, x_.first_tap(phase)) * channels_;
      const int64_t outputs = (x_.out - phase + x_.up - 1) / x_.up;
      const Stretches where{
          first, to + phase * channels_, outputs, x_.down * channels_, x_.up * channels_, channels_};
      neighbours<Add>(where, phases[phase]);
    }
  }

  // `count` stretches of output, each the sum of stretches that begin one pixel after another.
  struct Stretches {
    const W* from;
    W* to;
    int64_t count, from_step, to_step, length;
  };

  template <bool Add>
  void neighbours(const Stretches& where, const std::vector<W>& weights) const {
    const int64_t count = weights.size();
    if (count == 0 && !Add)
      for (int64_t n = 0; n < where.count; ++n)
        std::fill(where.to + n * where.to_step, where.to + n * where.to_step + where.length, W(0));
    for (int64_t k = 0; k < count; k += kTogether) {
      Stretches part = where;
      part.from += k * channels_;
      Add || k > 0 ? some_neighbours<true>(part, &weights[k], count - k)
                   : some_neighbours<false>(part, &weights[k], count - k);
    }
  }

  template <bool Add>
  void some_neighbours(const Stretches& where, const W* weights, int64_t count) const {
    switch (count) {
      case 1: return mix<1, Add>(where, weights);
      case 2: return mix<2, Add>(where, weights);
      case 3: return mix<3, Add>(where, weights);
      default: return mix<4, Add>(where, weights);
    }
  }

  template <int Count, bool Add>
  void mix(const Stretches& where, const W* weights) const {
    const W* sources[kTogether];
    for (int64_t n = 0; n < where.count; ++n) {
      for (int64_t k = 0; k < Count; ++k) sources[k] = where.from + n * where.from_step + k * channels_;
      weighted_sum<Count, Add>(where.to + n * where.to_step, where.length, sources, weights);
    }
  }

  W* in_place(S* out) {
    if constexpr (kSameType) return out;
    else return summed_.data();
  }
  const W* in_place(const S* row) const {
    if constexpr (kSameType) return row;
    else return nullptr;
  }

  const Axis &x_, &y_;
  const Filter& filter_;
  const int64_t channels_, pitch_;
  int64_t left_;
  std::vector<W> room_, loaded_, summed_;
  W* line_;  // the input row as the taps along x see it, within room_; its margins are zero
  std::vector<std::vector<W>> weights_;  // [rows of the filter, phases]
  Terms<W> terms_;
};

}  // namespace kaokore
