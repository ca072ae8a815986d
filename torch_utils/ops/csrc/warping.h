// Where the warp looks output pixels up, and, for its transpose, which output pixels may look at an input pixel.
#pragma once

#include <cmath>

#include "numbers.h"

namespace kaokore {

struct Sizes {
  int64_t in_width, in_height, out_width, out_height;
};

// Pixel (x, y) of the output is looked up at pixel (xx x + xy y + x0, yx x + yy y + y0) of the input. W: float or double.
template <class W>
struct Lookup {
  W xx, xy, x0, yx, yy, y0;

  // From a matrix [2, 3] between pictures that both span -1…1: pixel o lies at (2 o + 1) / size - 1.
  KAOKORE_HD Lookup(const W* matrix, const Sizes& sizes) {
    const W iw = sizes.in_width, ih = sizes.in_height, ow = sizes.out_width, oh = sizes.out_height;
    xx = matrix[0] * iw / ow;
    xy = matrix[1] * iw / oh;
    x0 = (matrix[0] * ((1 - ow) * iw / ow) + matrix[1] * ((1 - oh) * iw / oh) + matrix[2] * iw + (iw - 1)) / 2;
    yx = matrix[3] * ih / ow;
    yy = matrix[4] * ih / oh;
    y0 = (matrix[3] * ((1 - ow) * ih / ow) + matrix[4] * ((1 - oh) * ih / oh) + matrix[5] * ih + (ih - 1)) / 2;
  }

  KAOKORE_HD W x_of(W x, W y) const { return xx * x + xy * y + x0; }
  KAOKORE_HD W y_of(W x, W y) const { return yx * x + yy * y + y0; }
};

// What input pixel i gives to a bilinear look-up at `position`.
template <class W>
KAOKORE_HD W bilinear_weight(W position, int64_t i) {
  const W below = std::floor(position), fraction = position - below;
  if (below == static_cast<W>(i)) return 1 - fraction;
  return below + 1 == static_cast<W>(i) ? fraction : W(0);
}

// From `first` up to before `end`.
struct Range {
  int64_t first, end;
};

// Of 0 … size - 1 those within `reach` of `centre`; all, where either is not a number.
template <class W>
KAOKORE_HD Range around(W centre, W reach, int64_t size) {
  const W first = std::fmin(std::fmax(std::ceil(centre - reach), W(0)), static_cast<W>(size));
  const W end = std::fmin(std::fmax(std::floor(centre + reach) + 1, W(0)), static_cast<W>(size));
  // fmin and fmax drop what is not a number: for `end` that would be 0.
  return {static_cast<int64_t>(first), centre + reach == centre + reach ? static_cast<int64_t>(end) : size};
}

// The input pixels that the output may look up, with two pixels to spare for roundings.
template <class W>
struct Seen {
  Range columns, rows;

  KAOKORE_HD Seen(const Lookup<W>& to, const Sizes& sizes) {
    const W x = static_cast<W>(sizes.out_width - 1) / 2, y = static_cast<W>(sizes.out_height - 1) / 2;  // the centre
    columns = around(to.x_of(x, y), std::abs(to.xx) * x + std::abs(to.xy) * y + 3, sizes.in_width);
    rows = around(to.y_of(x, y), std::abs(to.yx) * x + std::abs(to.yy) * y + 3, sizes.in_height);
  }
};

// The output pixels that may be looked up less than a pixel from an input pixel, by the inverse of a Lookup. The reach is
// wide enough for all roundings; where there is no inverse it takes in the whole picture.
template <class W>
struct Lookers {
  W xx, xy, yx, yy, reach_x, reach_y;

  KAOKORE_HD Lookers(const Lookup<W>& to, const Sizes& sizes) {
    const W determinant = to.xx * to.yy - to.xy * to.yx;
    const W cancelled = (std::abs(to.xx * to.yy) + std::abs(to.xy * to.yx)) / std::abs(determinant);
    xx = to.yy / determinant;
    xy = -to.xy / determinant;
    yx = -to.yx / determinant;
    yy = to.xx / determinant;
    const W ow = sizes.out_width, oh = sizes.out_height, rounding = sizeof(W) == 8 ? W(1e-14) : W(4e-6);
    const W wide = sizes.in_width + std::abs(to.x0) + std::abs(to.xx) * ow + std::abs(to.xy) * oh;
    const W high = sizes.in_height + std::abs(to.y0) + std::abs(to.yx) * ow + std::abs(to.yy) * oh;
    const W across = 1 + rounding * cancelled * wide, along = 1 + rounding * cancelled * high;
    reach_x = std::abs(xx) * across + std::abs(xy) * along;
    reach_y = std::abs(yx) * across + std::abs(yy) * along;
  }
};

}  // namespace kaokore
