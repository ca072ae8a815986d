// The gradients of bias_act on the CPU: that of x, and on the way its sums, which are that of the bias.
#pragma once

#include "cpu.h"

namespace kaokore {

constexpr int64_t kLeastChunks = 8;  // to a sum of its own
constexpr int64_t kLanes = 64;       // numbers that fill a few vector registers

// How a dense tensor looks along memory: `inner` neighbours share a bias, then comes the next of `channels`, over again.
struct Runs {
  int64_t numel, channels, inner;
};

inline Runs runs_of(const Tensor& x, int64_t dim) {
  if (dim < 0) dim += x.dim();
  const int64_t channels = x.size(dim);
  return {x.numel(), channels, channels > 1 ? x.stride(dim) : std::max<int64_t>(x.numel(), 1)};
}

// dx over one stretch of a channel; returns its sum.
template <Act A, bool FromOutput, class S>
double backward_run(const S* dy, const S* seen, S* dx, int64_t length, Wide<S> bias, ActOptions<Wide<S>> options) {
  using W = Wide<S>;
  const auto slope = [=](int64_t i) {
    return bias_act_slope<A, FromOutput>(W(dy[i]), W(seen[i]) + bias, options);
  };
  if (options.limit >= 0) return sum_pieces<W>(length, dx, slope);
  W sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < length; ++i) {
    const W of_this = slope(i);
    dx[i] = S(of_this);
    sum += of_this;
  }
  return sum;
}

// dx over neighbours of different channels; each is added to its place in `sums`.
template <Act A, bool FromOutput, class S>
void backward_row(
    const S* dy,
    const S* seen,
    const Wide<S>* bias,
    S* dx,
    Wide<S>* sums,
    int64_t length,
    ActOptions<Wide<S>> options) {
  using W = Wide<S>;
#pragma omp simd
  for (int64_t i = 0; i < length; ++i) {
    const W slope = bias_act_slope<A, FromOutput>(W(dy[i]), W(seen[i]) + bias[i], options);
    dx[i] = S(slope);
    sums[i] += slope;
  }
}

// The same for kLanes neighbours and those `step` further on each time, whose sums stay in registers.
template <Act A, bool FromOutput, class S>
void backward_lanes(
    const S* dy,
    const S* seen,
    const Wide<S>* bias,
    S* dx,
    Wide<S>* sums,
    int64_t count,
    int64_t step,
    ActOptions<Wide<S>> options) {
  using W = Wide<S>;
  W of_lanes[kLanes] = {};
  for (int64_t n = 0; n < count; ++n) {
    const int64_t at = n * step;
#pragma omp simd
    for (int64_t i = 0; i < kLanes; ++i) {
      const W slope = bias_act_slope<A, FromOutput>(W(dy[at + i]), W(seen[at + i]) + bias[i], options);
      dx[at + i] = S(slope);
      of_lanes[i] += slope;
    }
  }
  for (int64_t i = 0; i < kLanes; ++i) sums[i] += of_lanes[i];
}

// A block of rows: by lanes where they fit the channels. bias and sums repeat after `most` elements.
template <Act A, bool FromOutput, class S>
void backward_block(
    const S* dy,
    const S* seen,
    const Wide<S>* bias,
    S* dx,
    Wide<S>* sums,
    int64_t length,
    int64_t channels,
    int64_t most,
    ActOptions<Wide<S>> options) {
  int64_t done = 0;
  if (kLanes % channels == 0 || channels % kLanes == 0) {
    const int64_t step = std::max(channels, kLanes), count = length / step;
    for (int64_t i = 0; i < step; i += kLanes)
      backward_lanes<A, FromOutput>(dy + i, seen + i, bias + i, dx + i, sums + i, count, step, options);
    done = count * step;
  }
  for (; done < length; done += most)
    backward_row<A, FromOutput>(
        dy + done, seen + done, bias, dx + done, sums, std::min(most, length - done), options);
}

// dx and the sums of all channels where neighbours belong to different ones, [rows, channels] in memory. In blocks whose
// size does not depend on the number of threads, so that neither do the sums.
template <Act A, bool FromOutput, class S>
void row_gradients(
    const S* dy, const S* seen, const S* bias, S* dx, double* sums, const Runs& runs, ActOptions<Wide<S>> options) {
  using W = Wide<S>;
  const int64_t together = pixels_together(runs.channels), most = together * runs.channels;
  const int64_t a_block = std::max<int64_t>(kLeastChunks, kGrain / most) * most;
  const int64_t blocks = (runs.numel + a_block - 1) / a_block;
  const std::vector<W> biases = bias ? repeated(bias, runs.channels, together) : std::vector<W>(most, W(0));
  std::vector<double> parts(blocks * runs.channels, 0);
  torch::stable::parallel_for(0, blocks, 1, [&](int64_t begin, int64_t end) {
    std::vector<W> of_block(most);
    for (int64_t block = begin; block < end; ++block) {
      std::fill(of_block.begin(), of_block.end(), W(0));
      const int64_t at = block * a_block, length = std::min(a_block, runs.numel - at);
      backward_block<A, FromOutput>(
          dy + at, seen + at, biases.data(), dx + at, of_block.data(), length, runs.channels, most, options);
      add_by_channel(of_block, runs.channels, &parts[block * runs.channels]);
    }
  });
  add_by_channel(parts, runs.channels, sums);
}

// The same where neighbours share a bias, in pieces of fixed size.
template <Act A, bool FromOutput, class S>
void plane_gradients(
    const S* dy, const S* seen, const S* bias, S* dx, double* sums, const Runs& runs, ActOptions<Wide<S>> options) {
  using W = Wide<S>;
  const int64_t planes = runs.numel / runs.inner, pieces = (runs.inner + kGrain - 1) / kGrain;
  std::vector<double> parts(planes * pieces);
  const int64_t grain = std::max<int64_t>(1, kGrain / runs.inner);
  torch::stable::parallel_for(0, planes * pieces, grain, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      const int64_t plane = part / pieces, first = part % pieces * kGrain, at = plane * runs.inner + first;
      const W b = bias ? W(bias[plane % runs.channels]) : W(0);
      const int64_t length = std::min(kGrain, runs.inner - first);
      parts[part] = backward_run<A, FromOutput>(dy + at, seen + at, dx + at, length, b, options);
    }
  });
  for (int64_t part = 0; part < planes * pieces; ++part) sums[part / pieces % runs.channels] += parts[part];
}

}  // namespace kaokore
