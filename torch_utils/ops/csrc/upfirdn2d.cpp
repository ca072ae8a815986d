// upfirdn2d on the CPU: by planes, or, channels last, by pixels.
#include "filter_pixels.h"
#include "filter_planes.h"

namespace kaokore {
namespace {

std::vector<double> taps_of(const Tensor& f) {
  std::vector<double> taps(f.numel());
  with_type(f, "upfirdn2d", [&](auto type) {
    const auto* values = data<decltype(type)>(f);
    for (size_t i = 0; i < taps.size(); ++i) taps[i] = Wide<decltype(type)>(values[i]);
  });
  return taps;
}

// Turned for correlation, with the gain in it.
Filter filter_of(const Tensor& f_given, bool flip, double gain) {
  const Tensor f = torch::stable::contiguous(f_given);
  std::vector<double> taps = taps_of(f);
  if (!flip) std::reverse(taps.begin(), taps.end());
  Filter result{true, taps, taps, {}};
  if (f.dim() == 2) {
    const int64_t height = f.size(0), width = f.size(1);
    double total = 0;
    for (double tap : taps) total += tap;
    result.along_x.assign(width, 0);
    result.along_y.assign(height, 0);
    for (int64_t i = 0; i < height * width; ++i) {
      result.along_x[i % width] += taps[i];
      result.along_y[i / width] += taps[i];
    }
    for (double& tap : result.along_x) tap /= total;
    for (int64_t i = 0; i < height * width; ++i)
      result.separable = result.separable && result.along_y[i / width] * result.along_x[i % width] == taps[i];
    for (double tap : taps) result.all.push_back(tap * gain);
  }
  for (double& tap : result.along_y) tap *= gain;
  return result;
}

Axis axis_of(const Tensor& x, int64_t dim, int64_t up, int64_t down, int64_t before, int64_t after, int64_t taps) {
  const int64_t in = x.size(dim), spread = in * up + before + after;
  return {in, (spread - taps) / down + 1, up, down, before, taps};
}

template <class S>
void filter_planes(const Tensor& x, const Tensor& y, const Axis& along_x, const Axis& along_y, const Filter& filter) {
  const S* in = data<S>(x);
  S* out = out_data<S>(y);
  const int64_t pixels_in = along_y.in * along_x.in, pixels_out = along_y.out * along_x.out;
  const int64_t together = std::max<int64_t>(1, kRowLength / Phases(along_x).columns);
  const int64_t grain = std::max<int64_t>(together, kGrain / std::max<int64_t>(pixels_in + pixels_out, 1));
  torch::stable::parallel_for(0, x.size(0) * x.size(1), grain, [&](int64_t begin, int64_t end) {
    GroupFilter<S> filter_planes(along_x, along_y, filter, together);
    for (int64_t plane = begin; plane < end; plane += together)
      filter_planes(in + plane * pixels_in, out + plane * pixels_out, std::min(together, end - plane));
  });
}

template <class S>
void filter_pixels(const Tensor& x, const Tensor& y, const Axis& along_x, const Axis& along_y, const Filter& filter) {
  const S* in = data<S>(x);
  S* out = out_data<S>(y);
  const int64_t picture = along_y.in * along_x.in * x.size(1), row = along_x.out * x.size(1);
  const int64_t grain = std::max<int64_t>(1, kGrain / row);
  torch::stable::parallel_for(0, x.size(0) * along_y.out, grain, [&](int64_t begin, int64_t end) {
    PixelFilter<S> filter_row(along_x, along_y, filter, x.size(1));
    for (int64_t o = begin; o < end; ++o)
      filter_row(in + o / along_y.out * picture, out + o * row, o % along_y.out);
  });
}

Tensor upfirdn2d(
    const Tensor& x_given,
    const Tensor& f,
    std::vector<int64_t> up,
    std::vector<int64_t> down,
    std::vector<int64_t> padding,
    bool flip,
    double gain) {
  check_pictures("upfirdn2d", x_given);
  STD_TORCH_CHECK(
      (f.dim() == 1 || f.dim() == 2) && f.numel() > 0, "upfirdn2d: f of shape ", shape_of(f),
      " is neither [taps] nor [height, width]");
  STD_TORCH_CHECK(
      up.size() == 2 && down.size() == 2 && padding.size() == 4,
      "upfirdn2d: up and down take two numbers, padding four");
  STD_TORCH_CHECK(std::min({up[0], up[1], down[0], down[1]}) >= 1, "upfirdn2d: up and down begin at 1");
  const bool by_pixels = channels_last(x_given);
  const Tensor x = by_pixels ? x_given : torch::stable::contiguous(x_given);
  const Filter filter = filter_of(f, flip, gain);
  const int64_t height = f.size(0), width = f.size(f.dim() - 1);
  for (int axis = 0; axis < 2; ++axis)
    STD_TORCH_CHECK(
        x.size(3 - axis) * up[axis] + padding[2 * axis] + padding[2 * axis + 1] >= (axis == 0 ? width : height),
        "upfirdn2d: padding [", padding[0], ", ", padding[1], ", ", padding[2], ", ", padding[3], "] leaves nothing of ",
        x.size(3), "x", x.size(2), " pixels.");
  const Axis along_x = axis_of(x, 3, up[0], down[0], padding[0], padding[1], width);
  const Axis along_y = axis_of(x, 2, up[1], down[1], padding[2], padding[3], height);
  const Tensor y = new_pictures(x, along_y.out, along_x.out, by_pixels);
  with_type(x, "upfirdn2d", [&](auto type) {
    const auto road = by_pixels ? filter_pixels<decltype(type)> : filter_planes<decltype(type)>;
    road(x, y, along_x, along_y, filter);
  });
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(kaokore, CPU, m) { m.impl("upfirdn2d", TORCH_BOX(&upfirdn2d)); }

}  // namespace kaokore
