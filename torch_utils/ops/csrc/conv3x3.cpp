// 3x3 convolutions on the CPU with a quarter of the products; torch_utils/ops/conv3x3.py is the specification.
//
// Four by four results take 36 products for each pair of channels, not 144 (Lavin and Gray 2015, "Fast Algorithms for
// Convolutional Neural Networks", F(4x4, 3x3)): tiles of 6x6 pixels and the 3x3 taps are each transformed into 36
// numbers, multiplied place by place, summed over channels, and transformed back. So at each place there is a product
// of matrices, tiles by channels. The gradient of the weights is the adjoint of the same steps.
//
// Channels lie side by side and are worked on a vector at a time. Results do not depend on how many threads there are:
// they share out tiles, and sums over tiles are taken in parts whose number depends on the sizes alone.
#include "conv3x3.h"

namespace kaokore {
namespace {

constexpr int64_t kWorkingSet = 64 * 1024;  // numbers of transformed tiles at a time, which are to stay in the cache
constexpr int64_t kMostParts = 16;          // of a sum over tiles
constexpr int64_t kMostSums = 1 << 24;      // numbers in all parts together, 64 MiB
constexpr int64_t kTilesOfPart = 96;        // or fewer, where there are not as many for two
constexpr int64_t kLeastBlocks = 8;         // to share out, if there are tiles enough

// How many tiles may be worked on together.
template <class W>
int64_t tiles_together(int64_t in, int64_t out) {
  const int64_t rows = Registers<W>::kRows;
  return std::max<int64_t>(4, kWorkingSet / (kPlaces * (in + out)) / rows) * rows;
}

// Into how many parts a sum over tiles is cut.
int64_t parts_of(int64_t tiles, int64_t sums) {
  const int64_t wanted = std::max(tiles / kTilesOfPart, std::min<int64_t>(2, tiles / (kTilesOfPart / 4)));
  return std::max<int64_t>(1, std::min({wanted, kMostSums / sums, kMostParts}));
}

// x with the channels of a pixel side by side.
Tensor by_pixels(const Tensor& x) {
  return channels_last(x) ? x : laid_out_as(x, new_pictures(x, x.size(2), x.size(3), true));
}

// [N, channels, H, W] as x lies in memory.
Tensor as_given(const Tensor& by_pixel, const Tensor& x) {
  if (channels_last(x)) return by_pixel;
  return torch::stable::contiguous(by_pixel);
}

template <class S>
Tensor convolved(const Tensor& x, const Tensor& w, bool transposed) {
  using W = Wide<S>;
  const int64_t out_channels = w.size(transposed ? 1 : 0);
  const Tensor pixels = torch::stable::new_empty(x, {x.size(0), x.size(2), x.size(3), out_channels});
  const Tensor y = torch::stable::transpose(torch::stable::transpose(pixels, 1, 3), 2, 3);
  if (y.numel() == 0) return y;
  const Numbers<S> nothing(x.size(3) * x.size(1), true);
  const Picture<const S> from{data<S>(x), x.size(2), x.size(3), x.size(1), nothing.get()};
  const Picture<S> to{out_data<S>(y), x.size(2), x.size(3), out_channels, nullptr};
  const TransformedTaps<W> taps(data<S>(w), w.size(0), w.size(1), transposed);
  const Tiles tiles(x.size(0), x.size(2), x.size(3));
  const int64_t rows = Registers<W>::kRows, most = tiles_together<W>(padded<W>(from.channels), padded<W>(out_channels));
  const int64_t together = std::clamp(tiles.count() / kLeastBlocks / rows * rows, rows, most);
  const int64_t blocks = (tiles.count() + together - 1) / together;
  torch::stable::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    Transformed<W> in(together, from.channels), out(together, out_channels);
    for (int64_t block = begin; block < end; ++block) {
      const int64_t first = block * together, count = std::min(together, tiles.count() - first);
      transform_tiles(from, tiles, first, count, in);
      multiply(in, taps, count, out);
      transform_back(out, tiles, first, count, to);
    }
  });
  return y;
}

template <class S>
Tensor weight_gradient(const Tensor& dy, const Tensor& x) {
  using W = Wide<S>;
  const Tensor dw = torch::stable::new_empty(x, {dy.size(1), x.size(1), 3, 3});
  if (dw.numel() == 0) return dw;
  const Numbers<S> nothing(x.size(3) * std::max(x.size(1), dy.size(1)), true);
  const Picture<const S> given{data<S>(dy), x.size(2), x.size(3), dy.size(1), nothing.get()};
  const Picture<const S> seen{data<S>(x), x.size(2), x.size(3), x.size(1), nothing.get()};
  const Tiles tiles(x.size(0), x.size(2), x.size(3));
  const int64_t in = padded<W>(seen.channels), out = padded<W>(given.channels);
  const int64_t together = tiles_together<W>(in, out), parts = parts_of(tiles.count(), kPlaces * in * out);
  const int64_t of_part = (tiles.count() + parts - 1) / parts;
  std::vector<SummedProducts<W>> sums;
  for (int64_t part = 0; part < parts; ++part) sums.emplace_back(seen.channels, given.channels);
  torch::stable::parallel_for(0, parts, 1, [&](int64_t begin, int64_t end) {
    Transformed<W> of_x(together, seen.channels), of_dy(together, given.channels);
    for (int64_t part = begin; part < end; ++part) {
      const int64_t last = std::min(tiles.count(), (part + 1) * of_part);
      for (int64_t first = part * of_part; first < last; first += together) {
        const int64_t count = std::min(together, last - first);
        transform_tiles(seen, tiles, first, count, of_x);
        transform_gradients(given, tiles, first, count, of_dy);
        sums[part].add(of_x, of_dy, count);
      }
    }
  });
  sums[0].add(sums.data() + 1, parts - 1);
  sums[0].transform_back(out_data<S>(dw));
  return dw;
}

Tensor conv3x3(const Tensor& x_given, const Tensor& w_given, bool transposed) {
  check_conv3x3(x_given, w_given, transposed);
  const Tensor x = by_pixels(x_given), w = torch::stable::contiguous(w_given);
  Tensor y = x;
  with_type(x, "conv3x3", [&](auto type) { y = convolved<decltype(type)>(x, w, transposed); });
  return as_given(y, x_given);
}

Tensor conv3x3_weight(const Tensor& dy_given, const Tensor& x_given) {
  check_conv3x3_weight(dy_given, x_given);
  const Tensor dy = by_pixels(dy_given), x = by_pixels(x_given);
  Tensor dw = x;
  with_type(x, "conv3x3_weight", [&](auto type) { dw = weight_gradient<decltype(type)>(dy, x); });
  return dw;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(kaokore, CPU, m) {
  m.impl("conv3x3", TORCH_BOX(&conv3x3));
  m.impl("conv3x3_weight", TORCH_BOX(&conv3x3_weight));
}

}  // namespace kaokore
