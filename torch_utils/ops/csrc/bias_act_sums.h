// The gradients of bias_act on the CPU: that of x, and on the way its sums, which are that of the bias.
#pragma once

#include "pieces.h"

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
template <Act A, bool FromOutput, class W>
W backward_run(const W* dy, const W* seen, W* dx, int64_t length, W bias, ActOptions<W> options) {
  W sum = 0;
  if (options.limit < 0) {
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < length; ++i) {
      const W slope = bias_act_slope<A, FromOutput>(dy[i], seen[i] + bias, options);
      dx[i] = slope;
      sum += slope;
    }
    return sum;
  }
  for (int64_t first = 0; first < length; first += kPiece) {
    const int64_t end = std::min(first + kPiece, length);
#pragma omp simd
    for (int64_t i = first; i < end; ++i)
      dx[i] = bias_act_slope<A, FromOutput>(dy[i], seen[i] + bias, options);
#pragma omp simd reduction(+ : sum)
    for (int64_t i = first; i < end; ++i) sum += dx[i];
  }
  return sum;
}

// dx over neighbours of different channels; each is added to its place in `sums`.
template <Act A, bool FromOutput, class W>
void backward_row(
    const W* dy, const W* seen, const W* bias, W* dx, W* sums, int64_t length, ActOptions<W> options) {
#pragma omp simd
  for (int64_t i = 0; i < length; ++i) {
    const W slope = bias_act_slope<A, FromOutput>(dy[i], seen[i] + bias[i], options);
    dx[i] = slope;
    sums[i] += slope;
  }
}

// The same for kLanes neighbours and those `step` further on each time, whose sums stay in registers.
template <Act A, bool FromOutput, class W>
void backward_lanes(
    const W* dy,
    const W* seen,
    const W* bias,
    W* dx,
    W* sums,
    int64_t count,
    int64_t step,
    ActOptions<W> options) {
  W of_lanes[kLanes] = {};
  for (int64_t n = 0; n < count; ++n) {
    const int64_t at = n * step;
#pragma omp simd
    for (int64_t i = 0; i < kLanes; ++i) {
      const W slope = bias_act_slope<A, FromOutput>(dy[at + i], seen[at + i] + bias[i], options);
      dx[at + i] = slope;
      of_lanes[i] += slope;
    }
  }
  for (int64_t i = 0; i < kLanes; ++i) sums[i] += of_lanes[i];
}

// The loops of one activation. All else is compiled once for all.
template <class W>
struct SlopeLoops {
  ActOptions<W> options;
  W (*run)(const W* dy, const W* seen, W* dx, int64_t length, W bias, ActOptions<W> options);
  void (*row)(const W* dy, const W* seen, const W* bias, W* dx, W* sums, int64_t length, ActOptions<W> options);
  void (*lanes)(
      const W* dy, const W* seen, const W* bias, W* dx, W* sums, int64_t count, int64_t step, ActOptions<W> options);
};

template <Act A, bool FromOutput, class W>
SlopeLoops<W> slope_loops(ActOptions<W> options) {
  return {options, backward_run<A, FromOutput, W>, backward_row<A, FromOutput, W>, backward_lanes<A, FromOutput, W>};
}

// A block of rows: by lanes where nothing is converted and they fit the channels. bias and sums repeat after `most`
// elements.
template <class S>
void backward_block(
    const S* dy,
    const S* seen,
    const Wide<S>* bias,
    S* dx,
    Wide<S>* sums,
    int64_t length,
    int64_t channels,
    int64_t most,
    const SlopeLoops<Wide<S>>& loops) {
  int64_t done = 0;
  if constexpr (!kConverted<S>) {
    if (kLanes % channels == 0 || channels % kLanes == 0) {
      const int64_t step = std::max(channels, kLanes), count = length / step;
      for (int64_t i = 0; i < step; i += kLanes)
        loops.lanes(dy + i, seen + i, bias + i, dx + i, sums + i, count, step, loops.options);
      done = count * step;
    }
  }
  Reader<S> read_dy, read_seen;
  Writer<S> write;
  for (; done < length; done += most)
    in_pieces<S>(std::min(most, length - done), [&](int64_t first, int64_t count) {
      const int64_t at = done + first;
      const Wide<S>*up = read_dy(dy + at, count), *x = read_seen(seen + at, count);
      loops.row(up, x, bias + first, write.room(dx + at), sums + first, count, loops.options);
      write.put(dx + at, count);
    });
}

// dx and the sums of all channels where neighbours belong to different ones, [rows, channels] in memory. In blocks whose
// size does not depend on the number of threads, so that neither do the sums.
template <class S>
void row_gradients(
    const S* dy, const S* seen, const S* bias, S* dx, double* sums, const Runs& runs, const SlopeLoops<Wide<S>>& loops) {
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
      backward_block(dy + at, seen + at, biases.data(), dx + at, of_block.data(), length, runs.channels, most, loops);
      add_by_channel(of_block, runs.channels, &parts[block * runs.channels]);
    }
  });
  add_by_channel(parts, runs.channels, sums);
}

// The same where neighbours share a bias, in pieces of fixed size.
template <class S>
void plane_gradients(
    const S* dy, const S* seen, const S* bias, S* dx, double* sums, const Runs& runs, const SlopeLoops<Wide<S>>& loops) {
  using W = Wide<S>;
  const int64_t planes = runs.numel / runs.inner, pieces = (runs.inner + kGrain - 1) / kGrain;
  std::vector<double> parts(planes * pieces);
  const int64_t grain = std::max<int64_t>(1, kGrain / runs.inner);
  torch::stable::parallel_for(0, planes * pieces, grain, [&](int64_t begin, int64_t end) {
    Reader<S> read_dy, read_seen;
    Writer<S> write;
    for (int64_t part = begin; part < end; ++part) {
      const int64_t plane = part / pieces, first = part % pieces * kGrain, at = plane * runs.inner + first;
      const W b = bias ? W(bias[plane % runs.channels]) : W(0);
      const int64_t length = std::min(kGrain, runs.inner - first);
      in_pieces<S>(length, [&](int64_t offset, int64_t count) {
        const int64_t from = at + offset;
        const W *up = read_dy(dy + from, count), *x = read_seen(seen + from, count);
        parts[part] += loops.run(up, x, write.room(dx + from), count, b, loops.options);
        write.put(dx + from, count);
      });
    }
  });
  for (int64_t part = 0; part < planes * pieces; ++part) sums[part / pieces % runs.channels] += parts[part];
}

}  // namespace kaokore
