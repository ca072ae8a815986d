// The synthesis epilogue and its backward on the CPU. One pass over memory each; sums are taken in a fixed order, so
// the number of threads never changes a result.
#include "pieces.h"

namespace kaokore {
namespace {

constexpr int64_t kBlock = 4096;  // pixels whose noise gradient stays in the cache while the channels pass by

constexpr int64_t kLeastChunks = 8;  // channels last: to a sum of its own

struct Shape {
  int64_t count, channels, pixels;
  bool channels_last;
};

// Pointers and strides that the loops need; a null pointer where there is no scale or noise.
template <class S>
struct Inputs {
  const S *x, *scale, *noise, *bias;
  int64_t noise_step;  // elements from one sample's noise to the next: 0 where they share it
};

// One channel of one sample: y = clamp(lrelu(x * scale + noise + bias) * gain).
template <bool Noise, bool Clamp, class W>
void forward_plane(const W* x, const W* noise, W* y, int64_t pixels, W scale, W bias, ActOptions<W> o) {
#pragma omp simd
  for (int64_t i = 0; i < pixels; ++i) {
    W v = x[i] * scale + bias;
    if constexpr (Noise) v += noise[i];
    v = act_value<Act::lrelu>(v, o.alpha) * o.gain;
    if constexpr (Clamp) v = clamped(v, o.limit);
    y[i] = v;
  }
}

// Neighbours of different channels: scale and shift (noise + bias) have one number for each.
template <bool Clamp, class W>
void forward_row(const W* x, const W* scale, const W* shift, W* y, int64_t length, ActOptions<W> o) {
#pragma omp simd
  for (int64_t i = 0; i < length; ++i) {
    W v = x[i] * scale[i] + shift[i];
    v = act_value<Act::lrelu>(v, o.alpha) * o.gain;
    if constexpr (Clamp) v = clamped(v, o.limit);
    y[i] = v;
  }
}

// shift = bias + the noise of each pixel.
template <class S>
void make_shift(const Wide<S>* bias, const S* noise, Wide<S>* shift, int64_t pixels, int64_t channels) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    const Wide<S> of_pixel = noise[pixel];
#pragma omp simd
    for (int64_t channel = 0; channel < channels; ++channel)
      shift[pixel * channels + channel] = bias[channel] + of_pixel;
  }
}

// Channels last: a few pixels at a time.
template <class S>
void forward_pixels(const Inputs<S>& in, S* y, Shape shape, ActOptions<Wide<S>> o) {
  using W = Wide<S>;
  const int64_t channels = shape.channels, together = pixels_together(channels);
  const int64_t chunks = (shape.pixels + together - 1) / together;
  const std::vector<W> bias = repeated(in.bias, channels, together);
  const int64_t grain = std::max<int64_t>(1, kGrain / (together * channels));
  torch::stable::parallel_for(0, shape.count * chunks, grain, [&](int64_t begin, int64_t end) {
    std::vector<W> scale(together * channels, W(1)), shift = bias;
    Reader<S> read;
    Writer<S> write;
    int64_t scaled = -1;  // the sample whose scale that is
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t sample = chunk / chunks, first = chunk % chunks * together;
      const int64_t pixels = std::min(together, shape.pixels - first);
      if (in.scale && scaled != sample) scale = repeated(in.scale + sample * channels, channels, together);
      scaled = sample;
      if (in.noise)
        make_shift(bias.data(), in.noise + sample * in.noise_step + first, shift.data(), pixels, channels);
      const int64_t at = (sample * shape.pixels + first) * channels;
      const auto body = o.limit >= 0 ? forward_row<true, W> : forward_row<false, W>;
      in_pieces<S>(pixels * channels, [&](int64_t offset, int64_t count) {
        S* const to = y + at + offset;
        const W* x = read(in.x + at + offset, count);
        body(x, scale.data() + offset, shift.data() + offset, write.room(to), count, o);
        write.put(to, count);
      });
    }
  });
}

template <class S>
void forward(const Inputs<S>& in, S* y, Shape shape, ActOptions<Wide<S>> o) {
  if (shape.channels_last) return forward_pixels(in, y, shape, o);
  using W = Wide<S>;
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(shape.pixels, 1));
  torch::stable::parallel_for(0, shape.count * shape.channels, grain, [&](int64_t begin, int64_t end) {
    Reader<S> read_x, read_noise;
    Writer<S> write;
    for (int64_t plane = begin; plane < end; ++plane) {
      const int64_t sample = plane / shape.channels, start = plane * shape.pixels;
      const W scale = in.scale ? W(in.scale[plane]) : W(1), bias = in.bias[plane % shape.channels];
      const S* noise = in.noise ? in.noise + sample * in.noise_step : nullptr;
      const auto body = noise ? (o.limit >= 0 ? forward_plane<true, true, W> : forward_plane<true, false, W>)
                              : (o.limit >= 0 ? forward_plane<false, true, W> : forward_plane<false, false, W>);
      in_pieces<S>(shape.pixels, [&](int64_t first, int64_t count) {
        S* const to = y + start + first;
        const W* added = noise ? read_noise(noise + first, count) : nullptr;
        body(read_x(in.x + start + first, count), added, write.room(to), count, scale, bias, o);
        write.put(to, count);
      });
    }
  });
}

// The blocks' parts of what is summed for scale and bias, [count, blocks, channels].
struct Sums {
  std::vector<double> scale, bias;

  explicit Sums(int64_t size) : scale(size), bias(size) {}
};

// One channel of one stretch of pixels: dx, its part of the noise gradient, and of the sums for scale and bias.
template <bool Scale, bool Noise, class W>
void backward_run(
    const W* dy, const W* y, const W* x, W* dx, W* d_noise, int64_t pixels, W scale, ActOptions<W> o,
    double* sum_of_scale, double* sum_of_bias) {
  const auto slope = [=](int64_t i) { return epilogue_slope<W>(dy[i], y[i], o); };
  W of_scale = 0, of_bias = 0;
  const auto take = [&](int64_t first, int64_t count, const auto& slope_of) {
    W scale_part = 0, bias_part = 0;
#pragma omp simd reduction(+ : scale_part, bias_part)
    for (int64_t i = first; i < first + count; ++i) {
      const W dz = slope_of(i);
      dx[i] = dz * scale;
      if constexpr (Noise) d_noise[i] += dz;
      if constexpr (Scale) scale_part += dz * x[i];
      bias_part += dz;
    }
    of_scale += scale_part;
    of_bias += bias_part;
  };
  if (o.limit < 0) {
    take(0, pixels, slope);
  } else {
    W dz[kPiece];
    for (int64_t first = 0; first < pixels; first += kPiece) {
      const int64_t count = std::min(kPiece, pixels - first);
#pragma omp simd
      for (int64_t i = 0; i < count; ++i) dz[i] = slope(first + i);
      take(first, count, [&](int64_t i) { return dz[i - first]; });
    }
  }
  *sum_of_scale += of_scale;
  *sum_of_bias += of_bias;
}

template <class S>
struct Gradients {
  S *x, *scale, *noise, *bias;
};

// Adds up the blocks' sums: those of a sample for the scale, all for the bias.
template <class S>
void add_up(const Sums& sums, int64_t blocks, const Gradients<S>& d, Shape shape) {
  using W = Wide<S>;
  for (int64_t channel = 0; channel < shape.channels; ++channel) {
    double bias = 0;
    for (int64_t sample = 0; sample < shape.count; ++sample) {
      double scale = 0;
      for (int64_t block = 0; block < blocks; ++block) {
        const int64_t part = (sample * blocks + block) * shape.channels + channel;
        scale += sums.scale[part];
        bias += sums.bias[part];
      }
      if (d.scale) d.scale[sample * shape.channels + channel] = S(W(scale));
    }
    d.bias[channel] = S(W(bias));
  }
}

template <class S>
void backward_planes(
    const S* dy, const S* y, const Inputs<S>& in, const Gradients<S>& d, Shape shape, ActOptions<Wide<S>> o) {
  using W = Wide<S>;
  const int64_t blocks = (shape.pixels + kBlock - 1) / kBlock;
  Sums sums(shape.count * blocks * shape.channels);
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(kBlock * shape.channels, 1));
  torch::stable::parallel_for(0, shape.count * blocks, grain, [&](int64_t begin, int64_t end) {
    W d_noise[kBlock];
    Reader<S> read_dy, read_y, read_x;
    Writer<S> write;
    for (int64_t task = begin; task < end; ++task) {
      const int64_t sample = task / blocks, block = task % blocks, first = block * kBlock;
      const int64_t pixels = std::min(kBlock, shape.pixels - first);
      const auto body = in.scale ? (d.noise ? backward_run<true, true, W> : backward_run<true, false, W>)
                                 : (d.noise ? backward_run<false, true, W> : backward_run<false, false, W>);
      std::fill(d_noise, d_noise + pixels, W(0));
      for (int64_t channel = 0; channel < shape.channels; ++channel) {
        const int64_t plane = sample * shape.channels + channel, at = plane * shape.pixels + first;
        const W scale = in.scale ? W(in.scale[plane]) : W(1);
        const int64_t part = task * shape.channels + channel;
        in_pieces<S>(pixels, [&](int64_t offset, int64_t count) {
          const int64_t from = at + offset;
          const W *up = read_dy(dy + from, count), *seen = read_y(y + from, count);
          const W* x = in.scale ? read_x(in.x + from, count) : nullptr;
          body(up, seen, x, write.room(d.x + from), d_noise + offset, count, scale, o, &sums.scale[part],
               &sums.bias[part]);
          write.put(d.x + from, count);
        });
      }
      if (d.noise)
        for (int64_t i = 0; i < pixels; ++i) d.noise[sample * shape.pixels + first + i] = S(d_noise[i]);
    }
  });
  add_up(sums, blocks, d, shape);
}

// Neighbours of different channels: dx, dz (for the noise) and what each adds to the sums of its place.
template <bool Scale, class W>
void backward_row(
    const W* dy, const W* y, const W* x, const W* scale, W* dx, W* dz, W* of_scale, W* of_bias, int64_t length,
    ActOptions<W> o) {
#pragma omp simd
  for (int64_t i = 0; i < length; ++i) {
    const W slope = epilogue_slope<W>(dy[i], y[i], o);
    dx[i] = slope * scale[i];
    dz[i] = slope;
    of_bias[i] += slope;
    if constexpr (Scale) of_scale[i] += slope * x[i];
  }
}

// Each pixel's sum over its channels.
template <class S>
void sum_pixels(const Wide<S>* dz, S* sums, int64_t pixels, int64_t channels) {
  for (int64_t pixel = 0; pixel < pixels; ++pixel) {
    Wide<S> sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t channel = 0; channel < channels; ++channel) sum += dz[pixel * channels + channel];
    sums[pixel] = S(sum);
  }
}

// Channels last: a few pixels at a time, in blocks of fixed size.
template <class S>
void backward_pixels(
    const S* dy, const S* y, const Inputs<S>& in, const Gradients<S>& d, Shape shape, ActOptions<Wide<S>> o) {
  using W = Wide<S>;
  const int64_t channels = shape.channels, together = pixels_together(channels), most = together * channels;
  const int64_t a_block = std::max(kLeastChunks, kGrain / most) * together;  // pixels
  const int64_t blocks = (shape.pixels + a_block - 1) / a_block;
  Sums sums(shape.count * blocks * channels);
  torch::stable::parallel_for(0, shape.count * blocks, 1, [&](int64_t begin, int64_t end) {
    std::vector<W> scale(most, W(1)), dz(most), of_scale(most), of_bias(most);
    Reader<S> read_dy, read_y, read_x;
    Writer<S> write;
    for (int64_t block = begin; block < end; ++block) {
      const int64_t sample = block / blocks, start = block % blocks * a_block;
      if (in.scale) scale = repeated(in.scale + sample * channels, channels, together);
      std::fill(of_scale.begin(), of_scale.end(), W(0));
      std::fill(of_bias.begin(), of_bias.end(), W(0));
      for (int64_t first = start; first < std::min(start + a_block, shape.pixels); first += together) {
        const int64_t pixels = std::min({together, shape.pixels - first, start + a_block - first});
        const int64_t at = (sample * shape.pixels + first) * channels;
        const auto body = in.scale ? backward_row<true, W> : backward_row<false, W>;
        in_pieces<S>(pixels * channels, [&](int64_t offset, int64_t count) {
          const int64_t from = at + offset;
          const W *up = read_dy(dy + from, count), *seen = read_y(y + from, count);
          const W* x = in.scale ? read_x(in.x + from, count) : nullptr;
          body(up, seen, x, &scale[offset], write.room(d.x + from), &dz[offset], &of_scale[offset], &of_bias[offset],
               count, o);
          write.put(d.x + from, count);
        });
        if (d.noise) sum_pixels(dz.data(), d.noise + sample * shape.pixels + first, pixels, channels);
      }
      if (in.scale) add_by_channel(of_scale, channels, &sums.scale[block * channels]);
      add_by_channel(of_bias, channels, &sums.bias[block * channels]);
    }
  });
  add_up(sums, blocks, d, shape);
}

constexpr const char* kName = "synthesis_epilogue";

Shape checked_shape(const Tensor& x, const std::optional<Tensor>& scale) {
  check_pictures(kName, x);
  if (scale) check_fits(kName, "scale", *scale, x, {x.size(0), x.size(1)});
  return {x.size(0), x.size(1), x.size(2) * x.size(3), channels_last(x)};
}

std::optional<Tensor> in_one_piece(const std::optional<Tensor>& x) {
  return x ? std::optional(torch::stable::contiguous(*x)) : std::nullopt;
}

Tensor synthesis_epilogue(
    const Tensor& x_given,
    std::optional<Tensor> scale_given,
    std::optional<Tensor> noise_given,
    const Tensor& b_given,
    double alpha,
    double gain,
    std::optional<double> clamp) {
  const Shape shape = checked_shape(x_given, scale_given);
  check_fits(kName, "b", b_given, x_given, {shape.channels});
  if (noise_given) {
    const int64_t count = noise_given->dim() == 4 && noise_given->size(0) == 1 ? 1 : shape.count;
    check_fits(kName, "noise", *noise_given, x_given, {count, 1, x_given.size(2), x_given.size(3)});
  }
  const Tensor x = shape.channels_last ? x_given : torch::stable::contiguous(x_given);
  const Tensor b = torch::stable::contiguous(b_given);
  const auto scale = in_one_piece(scale_given), noise = in_one_piece(noise_given);
  Tensor y = torch::stable::empty_like(x);
  with_type(x, "synthesis_epilogue", [&](auto type) {
    using S = decltype(type);
    const int64_t step = noise && noise->size(0) > 1 ? shape.pixels : 0;
    const Inputs<S> in{
        data<S>(x), scale ? data<S>(*scale) : nullptr, noise ? data<S>(*noise) : nullptr, data<S>(b), step};
    forward<S>(in, out_data<S>(y), shape, act_options<S>(alpha, gain, clamp));
  });
  return laid_out_as(y, torch::stable::empty_like(x_given));
}

std::tuple<Tensor, Tensor, Tensor, Tensor> synthesis_epilogue_backward(
    const Tensor& dy_given,
    const Tensor& y_given,
    const Tensor& x_given,
    std::optional<Tensor> scale_given,
    bool has_noise,
    double alpha,
    double gain,
    std::optional<double> clamp) {
  const Shape shape = checked_shape(x_given, scale_given);
  const std::vector<int64_t> sizes{shape.count, shape.channels, x_given.size(2), x_given.size(3)};
  check_fits(kName, "dy", dy_given, x_given, sizes);
  check_fits(kName, "y", y_given, x_given, sizes);
  const Tensor x = shape.channels_last ? x_given : torch::stable::contiguous(x_given);
  const Tensor y = laid_out_as(y_given, x), dy = laid_out_as(dy_given, x);
  const auto scale = in_one_piece(scale_given);
  Tensor dx = torch::stable::empty_like(x), db = torch::stable::new_empty(x, {shape.channels});
  Tensor d_scale = scale ? torch::stable::empty_like(*scale) : torch::stable::new_empty(x, {0});
  Tensor d_noise = has_noise ? torch::stable::new_empty(x, {shape.count, 1, x.size(2), x.size(3)})
                             : torch::stable::new_empty(x, {0});
  with_type(x, "synthesis_epilogue_backward", [&](auto type) {
    using S = decltype(type);
    const Inputs<S> in{data<S>(x), scale ? data<S>(*scale) : nullptr, nullptr, nullptr, 0};
    const Gradients<S> d{
        out_data<S>(dx), scale ? out_data<S>(d_scale) : nullptr, has_noise ? out_data<S>(d_noise) : nullptr,
        out_data<S>(db)};
    const auto road = shape.channels_last ? backward_pixels<S> : backward_planes<S>;
    road(data<S>(dy), data<S>(y), in, d, shape, act_options<S>(alpha, gain, clamp));
  });
  if (scale) d_scale = laid_out_as(d_scale, torch::stable::empty_like(*scale_given));
  return {laid_out_as(dx, torch::stable::empty_like(x_given)), d_scale, d_noise, db};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(kaokore, CPU, m) {
  m.impl("synthesis_epilogue", TORCH_BOX(&synthesis_epilogue));
  m.impl("synthesis_epilogue_backward", TORCH_BOX(&synthesis_epilogue_backward));
}

}  // namespace kaokore
