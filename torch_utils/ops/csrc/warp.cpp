// The bilinear warp and its transpose on the CPU; torch_utils/ops/warp.py is the specification.
//
// A picture's channels are worked on a few at a time, side by side in memory and in a frame of zeros: so a look-up is
// two stretches of memory to read, or to add to in the transpose, and never has to ask where the picture ends. Threads
// share out pictures and groups of channels: nothing races, and results do not depend on how many threads there are.
#include "cpu.h"
#include "warping.h"

#include <memory>

namespace kaokore {
namespace {

using torch::headeronly::ScalarType;

constexpr int64_t kFrame = 2;     // pixels; what lies beyond the picture's reach is looked up there
constexpr int64_t kStretch = 64;  // output pixels whose places are found at once

int64_t inputs(const Sizes& s) { return s.in_width * s.in_height; }
int64_t outputs(const Sizes& s) { return s.out_width * s.out_height; }

// The part of a picture that is looked up: pixels of G channels, side by side, in a frame. Where there are fewer channels
// the rest is zero.
template <class W, int G>
class Framed {
 public:
  explicit Framed(const Sizes& s)
      : width_(s.in_width),
        height_(s.in_height),
        numbers_(new W[(s.in_width + 2 * kFrame) * (s.in_height + 2 * kFrame) * G]) {}

  void look_at(const Seen<W>& seen) {
    columns_ = seen.columns;
    rows_ = seen.rows;
  }

  const Range& columns() const { return columns_; }
  const Range& rows() const { return rows_; }
  int64_t pitch() const { return columns_.end - columns_.first + 2 * kFrame; }
  W* pixel(int64_t place) { return numbers_.get() + place * G; }

  void clear() { std::fill(pixel(0), end(), W(0)); }

  template <class S>
  void take(const S* planes, int64_t channels) {
    const int64_t length = columns_.end - columns_.first;
    std::fill(pixel(0), row(rows_.first), W(0));
    for (int64_t y = rows_.first; y < rows_.end; ++y) {
      W* to = row(y);
      for (int64_t c = 0; c < G; ++c) {
        const S* from = planes + (c * height_ + y) * width_ + columns_.first;
        for (int64_t x = 0; x < length; ++x) to[x * G + c] = c < channels ? W(from[x]) : W(0);
      }
      std::fill(to + length * G, row(y + 1), W(0));  // the frame's right side, and its left in the next row
    }
    std::fill(row(rows_.end), end(), W(0));
  }

  // Zeros where nothing is looked up.
  template <class S>
  void give(S* planes, int64_t channels) {
    for (int64_t c = 0; c < channels; ++c) {
      S* plane = planes + c * height_ * width_;
      std::fill(plane, plane + rows_.first * width_, S(0));
      for (int64_t y = rows_.first; y < rows_.end; ++y) {
        const W* from = row(y) + c;
        S* to = plane + y * width_;
        std::fill(to, to + columns_.first, S(0));
        for (int64_t x = columns_.first; x < columns_.end; ++x) to[x] = S(from[(x - columns_.first) * G]);
        std::fill(to + columns_.end, to + width_, S(0));
      }
      std::fill(plane + rows_.end * width_, plane + height_ * width_, S(0));
    }
  }

 private:
  W* row(int64_t y) { return pixel((y - rows_.first + kFrame) * pitch() + kFrame); }
  W* end() { return pixel((rows_.end - rows_.first + 2 * kFrame) * pitch()); }

  const int64_t width_, height_;
  const std::unique_ptr<W[]> numbers_;
  Range columns_{}, rows_{};
};

// Where a stretch of output pixels is looked up: the upper left one of four neighbours in a frame, and their weights.
template <class W>
struct Places {
  int64_t pixel[kStretch];
  W weights[4][kStretch];

  template <int G>
  void find(const Lookup<W>& lookup, const Framed<W, G>& frame, int64_t first, int64_t row, int64_t count) {
    const int64_t pitch = frame.pitch(), from_x = frame.columns().first - kFrame, from_y = frame.rows().first - kFrame;
    const W least_x = frame.columns().first - 1, least_y = frame.rows().first - 1, start = first, y = row;
    const W most_x = frame.columns().end, most_y = frame.rows().end, beyond_x = from_x, beyond_y = from_y;
#pragma omp simd
    for (int32_t i = 0; i < static_cast<int32_t>(count); ++i) {
      const W at_x = lookup.x_of(start + static_cast<W>(i), y), at_y = lookup.y_of(start + static_cast<W>(i), y);
      const W nothing = (at_x - at_x) + (at_y - at_y);  // 0; NaN where the place is none, which is not to be hidden
      const bool near = at_x > least_x && at_x < most_x && at_y > least_y && at_y < most_y;
      const W x = near ? at_x : beyond_x, below = near ? at_y : beyond_y;
      const W left = std::floor(x), top = std::floor(below), across = x - left, along = below - top;
      pixel[i] = (static_cast<int32_t>(top) - from_y) * pitch + static_cast<int32_t>(left) - from_x;
      weights[0][i] = (1 - across) * (1 - along) + nothing;
      weights[1][i] = across * (1 - along);
      weights[2][i] = (1 - across) * along;
      weights[3][i] = across * along;
    }
  }
};

// One group of a picture's channels: planes of x, and planes of y, which may be the other way round.
template <class S, int G>
struct Work {
  using Stored = S;
  using W = Wide<S>;
  const Sizes& sizes;
  Framed<W, G>& frame;
  const Lookup<W> lookup;
  const int64_t channels;

  void warp(const S* x, S* y) const {
    frame.take(x, channels);
    for_each_stretch([&](const Places<W>& places, int64_t at, int64_t count) {
      W found[kStretch * G];
      const int64_t below = frame.pitch() * G;
      for (int64_t i = 0; i < count; ++i) {
        const W* pixel = frame.pixel(places.pixel[i]);
        const W a = places.weights[0][i], b = places.weights[1][i], c = places.weights[2][i], d = places.weights[3][i];
        for (int k = 0; k < G; ++k)
          found[i * G + k] = a * pixel[k] + b * pixel[G + k] + c * pixel[below + k] + d * pixel[below + G + k];
      }
      for (int64_t k = 0; k < channels; ++k)
        for (int64_t i = 0; i < count; ++i) y[k * outputs(sizes) + at + i] = S(found[i * G + k]);
    });
  }

  void transpose(const S* dy, S* dx) const {
    frame.clear();
    for_each_stretch([&](const Places<W>& places, int64_t at, int64_t count) {
      W given[kStretch * G];
      for (int64_t k = 0; k < G; ++k)
        for (int64_t i = 0; i < count; ++i) given[i * G + k] = k < channels ? W(dy[k * outputs(sizes) + at + i]) : W(0);
      const int64_t below = frame.pitch() * G;
      const int64_t half = (count + 1) / 2;
      for (int64_t j = 0; j < count; ++j) {
        const int64_t i = j % 2 * half + j / 2;  // neighbours add to the same pixels, and would wait for each other
        W* pixel = frame.pixel(places.pixel[i]);
        const W a = places.weights[0][i], b = places.weights[1][i], c = places.weights[2][i], d = places.weights[3][i];
        for (int k = 0; k < G; ++k) pixel[k] += a * given[i * G + k];
        for (int k = 0; k < G; ++k) pixel[G + k] += b * given[i * G + k];
        for (int k = 0; k < G; ++k) pixel[below + k] += c * given[i * G + k];
        for (int k = 0; k < G; ++k) pixel[below + G + k] += d * given[i * G + k];
      }
    });
    frame.give(dx, channels);
  }

 private:
  // Calls body(places, the first one's place in a plane, how many) for all output pixels.
  template <class Body>
  void for_each_stretch(const Body& body) const {
    Places<W> places;
    for (int64_t row = 0; row < sizes.out_height; ++row)
      for (int64_t first = 0; first < sizes.out_width; first += kStretch) {
        const int64_t count = std::min(kStretch, sizes.out_width - first);
        places.find(lookup, frame, first, row, count);
        body(places, row * sizes.out_width + first, count);
      }
  }
};

// Calls body(work, plane of the first channel) for every group of G channels of every picture, in parallel.
template <class S, int G, class Body>
void for_each_group(int64_t pictures, int64_t channels, const Sizes& sizes, const Wide<S>* matrices, const Body& body) {
  using W = Wide<S>;
  const int64_t groups = (channels + G - 1) / G;
  const int64_t grain = std::max<int64_t>(1, kGrain / (inputs(sizes) + outputs(sizes)));
  torch::stable::parallel_for(0, pictures * groups, grain, [&](int64_t i, int64_t end) {
    Framed<W, G> frame(sizes);
    for (; i < end; ++i) {
      const int64_t picture = i / groups, channel = i % groups * G;
      const Lookup<W> lookup(matrices + picture * 6, sizes);
      frame.look_at(Seen<W>(lookup, sizes));
      body(Work<S, G>{sizes, frame, lookup, std::min<int64_t>(G, channels - channel)}, picture * channels + channel);
    }
  });
}

// The same with the type and the number of channels side by side that suit the pictures.
template <class Body>
void for_pictures(const char* op, const Tensor& x, const Tensor& matrices, const Sizes& sizes, const Body& body) {
  with_type(x, op, [&](auto type) {
    using S = decltype(type);
    const auto wide = std::is_same_v<S, double> ? ScalarType::Double : ScalarType::Float;
    const Tensor to = torch::stable::contiguous(torch::stable::to(matrices, wide));
    const auto go = x.size(1) == 1 ? for_each_group<S, 1, Body> : for_each_group<S, 4, Body>;
    go(x.size(0), x.size(1), sizes, data<Wide<S>>(to), body);
  });
}

Tensor new_pictures(const Tensor& x, const std::vector<int64_t>& size) {
  return torch::stable::new_empty(x, {x.size(0), x.size(1), size[0], size[1]});
}

Tensor warp(const Tensor& x_given, const Tensor& matrices, std::vector<int64_t> size) {
  check_warp("warp", x_given, matrices, size);
  const Tensor x = torch::stable::contiguous(x_given), y = new_pictures(x, size);
  if (y.numel() == 0) return y;
  const Sizes sizes{x.size(3), x.size(2), size[1], size[0]};
  for_pictures("warp", x, matrices, sizes, [&](const auto& work, int64_t plane) {
    using S = typename std::decay_t<decltype(work)>::Stored;
    work.warp(data<S>(x) + plane * inputs(sizes), out_data<S>(y) + plane * outputs(sizes));
  });
  return y;
}

Tensor warp_backward(const Tensor& dy_given, const Tensor& matrices, std::vector<int64_t> size) {
  check_warp("warp_backward", dy_given, matrices, size);
  const Tensor dy = torch::stable::contiguous(dy_given), dx = new_pictures(dy, size);
  if (dx.numel() == 0) return dx;
  const Sizes sizes{size[1], size[0], dy.size(3), dy.size(2)};
  for_pictures("warp_backward", dy, matrices, sizes, [&](const auto& work, int64_t plane) {
    using S = typename std::decay_t<decltype(work)>::Stored;
    work.transpose(data<S>(dy) + plane * outputs(sizes), out_data<S>(dx) + plane * inputs(sizes));
  });
  return dx;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(kaokore, CPU, m) {
  m.impl("warp", TORCH_BOX(&warp));
  m.impl("warp_backward", TORCH_BOX(&warp_backward));
}

}  // namespace kaokore
