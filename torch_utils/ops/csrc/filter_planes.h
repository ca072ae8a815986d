// upfirdn2d where pixels of a row are neighbours in memory. Rows are filtered along x, then combined along y; the zeros
// that upsampling inserts are never touched: the taps fall into phases, of which each output pixel sees one. All inner
// loops run along a row.
#pragma once

#include "filtering.h"

#include <numeric>

namespace kaokore {

constexpr int64_t kBand = 6144;      // elements of a band of rows: half of a first-level cache
constexpr int64_t kRowLength = 128;  // planes are taken together until their rows are about this long

// Calls body(first), …, body(count - 1) by blocks whose size the compiler knows; returns the number of the next.
template <int64_t Size, class Body>
int64_t run_blocks(int64_t first, int64_t count, const Body& body) {
  for (; first + Size <= count; first += Size)
#pragma omp simd
    for (int64_t i = 0; i < Size; ++i) body(first + i);
  return first;
}

// Calls body(0), …, body(count - 1): rows may be as short as one vector.
template <class Body>
void in_blocks(int64_t count, const Body& body) {
  run_blocks<1>(run_blocks<4>(run_blocks<8>(0, count, body), count, body), count, body);
}

// Every `step` outputs the pattern of taps repeats, `stride` inputs further on. So inputs are kept by their place
// modulo `stride`, outputs by theirs modulo `step`, and each phase of the output is a sum of shifted inputs.
struct Phases {
  int64_t step, stride, lowest, columns;

  explicit Phases(const Axis& axis) {
    const int64_t common = std::gcd(axis.up, axis.down);
    step = axis.up / common;
    stride = axis.down / common;
    lowest = std::min<int64_t>(0, floor_div(-axis.before, axis.up));
    const int64_t highest = floor_div((axis.out - 1) * axis.down + axis.taps - 1 - axis.before, axis.up);
    columns = (std::max(axis.in - 1, highest) - lowest + stride) / stride;
  }
};

// A few planes at once, side by side, so that short rows make long loops; band after band, so that all stays in the
// cache. Layout of the buffers: [stride or step][rows of the band][planes][columns].
template <class S>
class GroupFilter {
  using W = Wide<S>;

 public:
  GroupFilter(const Axis& x, const Axis& y, const Filter& filter, int64_t planes)
      : x_(x), y_(y), phases_(x), filter_(filter), pitch_(planes * phases_.columns) {
    const int64_t halo = y.taps / y.up + 1, wanted = std::max<int64_t>(kBand / pitch_, 4 * halo);
    band_ = std::min(y.out, std::max<int64_t>(1, (wanted - halo) * y.up / y.down));  // output rows
    rows_ = (std::min(y.in, band_ * y.down / y.up + 1 + halo)) * pitch_;
    const int64_t overrun = phases_.columns;  // what the last row's shifted reads may touch
    loaded_.assign(phases_.stride * rows_ + overrun, W(0));
    filtered_.resize(filter.separable ? phases_.step * rows_ : 0);
    line_.resize(phases_.step * pitch_);
  }

  // Filters `planes` planes, at most as many as there is room for.
  void operator()(const S* in, S* out, int64_t planes) {
    for (int64_t first = 0; first < y_.out; first += band_) {
      const int64_t end = std::min(y_.out, first + band_);
      load_rows(in, first, end, planes);
      for (int64_t o = first; o < end; ++o) {
        for (int64_t phase = 0; phase < phases_.step; ++phase) make_line(o, phase);
        for (int64_t plane = 0; plane < planes; ++plane)
          store(line_.data() + plane * phases_.columns, out + (plane * y_.out + o) * x_.out);
      }
    }
  }

 private:
  // The input rows that output rows [first, end) see, filtered along x where the filter is a product.
  void load_rows(const S* in, int64_t first, int64_t end, int64_t planes) {
    const int64_t lowest = -floor_div(y_.before - first * y_.down, y_.up);
    top_ = std::clamp<int64_t>(lowest, 0, y_.in);
    bottom_ = std::clamp<int64_t>(floor_div((end - 1) * y_.down + y_.taps - 1 - y_.before, y_.up) + 1, top_, y_.in);
    for (int64_t plane = 0; plane < planes; ++plane)
      for (int64_t i = top_; i < bottom_; ++i)
        load(in + (plane * y_.in + i) * x_.in, (i - top_) * pitch_ + plane * phases_.columns);
    if (!filter_.separable) return;
    for (int64_t phase = 0; phase < phases_.step; ++phase) {
      terms_.clear();
      add_row_terms(phase, loaded_.data(), filter_.along_x.data());
      terms_.sum(filtered_.data() + phase * rows_, (bottom_ - top_) * pitch_);
    }
  }

  void load(const S* row, int64_t place) {
    W* to = loaded_.data() + place;
    if (phases_.stride == 1) {
      to -= phases_.lowest;
      in_blocks(x_.in, [=](int64_t i) { to[i] = W(row[i]); });
    } else if (phases_.stride == 2) {
      deal(row, to);
    } else {
      for (int64_t i = 0; i < x_.in; ++i) to[place_of(i)] = W(row[i]);
    }
  }

  // Pixels with even numbers next to each other, and those with odd ones.
  void deal(const S* row, W* to) {
    W *even = to + place_of(0), *odd = to + place_of(1);
    in_blocks(x_.in / 2, [=](int64_t j) {
      even[j] = W(row[2 * j]);
      odd[j] = W(row[2 * j + 1]);
    });
    if (x_.in % 2) even[x_.in / 2] = W(row[x_.in - 1]);
  }

  int64_t place_of(int64_t i) const {
    const int64_t shifted = i - phases_.lowest;
    return shifted % phases_.stride * rows_ + shifted / phases_.stride;
  }

  // One term for each tap along x that the outputs of a phase see.
  void add_row_terms(int64_t phase, const W* rows, const double* taps) {
    for (int64_t tap = x_.first_tap(phase); tap < x_.taps; tap += x_.up)
      terms_.add(rows + place_of(x_.input_of(phase, tap)), taps[tap]);
  }

  // Output row o of one phase, for all planes.
  void make_line(int64_t o, int64_t phase) {
    terms_.clear();
    for (int64_t tap = y_.first_tap(o); tap < y_.taps; tap += y_.up) {
      const int64_t i = y_.input_of(o, tap);
      if (i < top_ || i >= bottom_) continue;  // above or below the picture
      const int64_t row = (i - top_) * pitch_;
      if (filter_.separable)
        terms_.add(filtered_.data() + phase * rows_ + row, filter_.along_y[tap]);
      else
        add_row_terms(phase, loaded_.data() + row, filter_.all.data() + tap * x_.taps);
    }
    terms_.sum(line_.data() + phase * pitch_, pitch_);
  }

  void store(const W* line, S* row) const {
    if (phases_.step == 1) {
      in_blocks(x_.out, [=](int64_t i) { row[i] = S(line[i]); });
    } else if (phases_.step == 2) {
      const W* odd = line + pitch_;
      in_blocks(x_.out / 2, [=](int64_t j) {
        row[2 * j] = S(line[j]);
        row[2 * j + 1] = S(odd[j]);
      });
      if (x_.out % 2) row[x_.out - 1] = S(line[x_.out / 2]);
    } else {
      for (int64_t i = 0; i < x_.out; ++i) row[i] = S(line[i % phases_.step * pitch_ + i / phases_.step]);
    }
  }

  const Axis &x_, &y_;
  const Phases phases_;
  const Filter& filter_;
  const int64_t pitch_;
  int64_t band_, rows_, top_ = 0, bottom_ = 0;
  std::vector<W> loaded_, filtered_, line_;
  Terms<W> terms_;
};

}  // namespace kaokore
