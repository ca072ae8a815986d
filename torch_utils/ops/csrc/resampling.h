// Which input pixels and taps meet in an output pixel of upfirdn2d, along one axis; plain C++.
#pragma once

#include "numbers.h"

namespace kaokore {

// Output o is the sum over taps k of the zero-inserted, padded input at o * down + k, where input i lies at i * up + pad.
struct Axis {
  int64_t in, out, taps, up, down, pad;
  bool flip;  // whether tap k is the k-th of the filter in memory; else it is the k-th from its end

  // The taps that meet input pixels: `count` of them, the first, `tap`, at input `pixel`, the others `up` taps apart.
  struct Meeting {
    int64_t pixel, tap, count;
  };

  KAOKORE_HD Meeting at(int64_t o) const {
    const int64_t start = o * down - pad;  // of the taps, in zero-inserted pixels
    const int64_t pixel = start > 0 ? ceil_div(start, up) : 0, tap = pixel * up - start;
    const int64_t count = tap < taps ? least(ceil_div(taps - tap, up), in - pixel) : 0;
    return {pixel, tap, most<int64_t>(count, 0)};
  }

  KAOKORE_HD int64_t place(int64_t k) const { return flip ? k : taps - 1 - k; }

  // How many taps of zero are to be put first for the padding to become a multiple of `up`.
  KAOKORE_HD int64_t shift() const { return (up - (pad % up + up) % up) % up; }
};

}  // namespace kaokore
