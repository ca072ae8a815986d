// Which input pixels and taps meet in an output pixel of upfirdn2d, along one axis; plain C++.
#pragma once

#include "numbers.h"

namespace kaokore {

// Output o is the sum over taps k of the zero-inserted, padded input at o * down + k, where input i lies at i * up + pad.
struct Axis {
  int64_t in;
  Divisor out;
  int64_t taps;
  Divisor up;
  int64_t down, pad;
  bool flip;  // whether tap k is the k-th of the filter in memory; else it is the k-th from its end

  // The taps that meet input pixels: `count` of them, the first, `tap`, at input `pixel`, the others `up` taps apart.
  struct Meeting {
    int64_t pixel, tap, count;
  };

  KAOKORE_HD Meeting at(int64_t o) const {
    const int64_t start = o * down - pad;  // of the taps, in zero-inserted pixels
    const int64_t pixel = start > 0 ? up.quotient(start + up.by - 1) : 0, tap = pixel * up.by - start;
    const int64_t count = tap < taps ? least(up.quotient(taps - tap + up.by - 1), in - pixel) : 0;
    return {pixel, tap, most<int64_t>(count, 0)};
  }

  KAOKORE_HD int64_t place(int64_t k) const { return flip ? k : taps - 1 - k; }
};

// The same for tiles of outputs, in 32 bits. Zeros put before the first tap, `shift` of them, make the padding a multiple
// of `up`: so which taps an output meets is known to the compiler.
struct TiledAxis {
  int32_t in, out, taps, shift, lead;  // lead: the padding with the zeros
  Divisor tiles;
  bool flip;

  TiledAxis(const Axis& axis, int32_t outputs_a_tile)
      : in(axis.in),
        out(axis.out.by),
        taps(axis.taps),
        shift(shift_of(axis)),
        lead(axis.pad + shift),
        tiles(ceil_div<int64_t>(axis.out.by, outputs_a_tile)),
        flip(axis.flip) {}

  static int64_t shift_of(const Axis& axis) {
    const int64_t up = axis.up.by;
    return (up - (axis.pad % up + up) % up) % up;
  }

  // Place in the filter's memory of what is met k-th; -1 for zeros before the first tap and behind the last.
  KAOKORE_HD int32_t place(int32_t k) const {
    k -= shift;
    return k < 0 || k >= taps ? -1 : flip ? k : taps - 1 - k;
  }
};

}  // namespace kaokore
