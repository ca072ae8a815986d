// The tiles of filtered_lrelu: which sizes fit into shared memory, and what a block does with one.
//
// From input to output: pixels → (along x) wide → (along y, leaky ReLU) fine → (along x) narrow → (along y) outputs. A 2D
// filter takes both axes at once. Two stretches of shared memory take turns.
#pragma once

#include "device.cuh"
#include "filtered_lrelu.h"

namespace kaokore {

constexpr int kRun = 8;                    // fine samples below or beside each other that a thread makes at once
constexpr int kTileThreads = 256;          // of a block
constexpr size_t kSharedBytes = 48 * 1024;  // that every card gives a block without being asked for more

// What the compiler must know: factors, taps for each factor, and which filters are 2D.
template <int Up, int Down, int Taps, bool UpIs2D, bool DownIs2D>
struct Kind {
  static constexpr int kUp = Up, kDown = Down, kTapsEach = Taps, kTapsUp = Up * Taps, kTapsDown = Down * Taps;
  static constexpr bool kUpIs2D = UpIs2D, kDownIs2D = DownIs2D;
  static constexpr int kWeightsUp = UpIs2D ? kTapsUp * kTapsUp : 2 * kTapsUp;  // else of both axes
  static constexpr int kWeightsDown = DownIs2D ? kTapsDown * kTapsDown : 2 * kTapsDown;
  static constexpr int kInputsARun = kRun / Up;                   // by which inputs advance in a run
  static constexpr int kInputsSeen = kInputsARun + Taps;          // by a run, at most
  static constexpr int kOutputsEach = Down == 4 ? 2 : 4;          // of a thread, in a row
  static constexpr int kSeen = (kOutputsEach - 1) * Down + kTapsDown;  // numbers that they see
};

// The sizes of a tile of so many outputs, along one axis; `fine` in whole bytes of signs.
template <class K>
struct Extent {
  int out, fine, runs, in;

  explicit constexpr Extent(int out)
      : out(out),
        fine(((out - 1) * K::kDown + K::kTapsDown + kSamplesAByte - 1) / kSamplesAByte * kSamplesAByte),
        runs((fine + K::kUp - 1 + kRun - 1) / kRun),
        in(runs * K::kInputsARun + K::kTapsEach) {}

  static constexpr int pitch(int numbers) { return numbers | 1; }  // odd: lanes on different rows, different banks
};

// What lies in shared memory for a tile: two stretches of floats, the signs of runs, both filters.
template <class K>
struct Stretches {
  int first, second, signs;

  constexpr Stretches(Extent<K> x, Extent<K> y) : first(0), second(0), signs(y.runs * x.fine) {
    const int pixels = x.pitch(x.in) * y.in, fine = x.pitch(x.fine) * y.fine;
    const int wide = K::kUpIs2D ? 0 : x.pitch(x.fine) * y.in, narrow = K::kDownIs2D ? 0 : x.pitch(x.out) * y.fine;
    first = K::kUpIs2D ? fine : most(pixels, fine);
    second = K::kUpIs2D ? most(pixels, narrow) : most(wide, narrow);
  }

  constexpr size_t bytes() const {
    return piece<float>(first) + piece<float>(second) + piece<uint16_t>(signs) + piece<float>(K::kWeightsUp) +
           piece<float>(K::kWeightsDown);
  }
};

struct TileSize {
  int width, height;
};

// The largest that fits; {0, 0} if none does.
template <class K>
constexpr TileSize tile_size() {
  constexpr TileSize sizes[] = {{64, 32}, {32, 32}, {32, 16}, {16, 16}, {16, 8}};
  for (const TileSize size : sizes)
    if (size.width * K::kDown <= 64 && Stretches<K>(Extent<K>(size.width), Extent<K>(size.height)).bytes() <= kSharedBytes)
      return size;
  return {0, 0};
}

template <class K>
constexpr bool kHasTiles = tile_size<K>().width > 0;

template <class K>
struct Tiling : K {
  static constexpr TileSize kSize = tile_size<K>();
  static constexpr Extent<K> kX{kSize.width}, kY{kSize.height};
  static constexpr Stretches<K> kStretches{kX, kY};
  static constexpr int kInPitch = kX.pitch(kX.in), kFinePitch = kX.pitch(kX.fine), kOutPitch = kX.pitch(kX.out);
  static_assert(kX.out * K::kDown % kSamplesAByte == 0, "a tile must begin with a byte of signs");
};

// One axis of a call in 32 bits. A tile's runs begin `skew` samples before its first fine sample, where an input lies
// under the first tap; that is input `first_input` of the first tile.
struct TileAxis {
  int32_t in, fine, out, tiles, skew, first_input, offset, signs;

  TileAxis(const FineAxis& axis, int outputs_a_tile, int64_t offset, int64_t signs)
      : in(axis.in),
        fine(axis.fine),
        out(axis.out),
        tiles(ceil_div<int64_t>(axis.out, outputs_a_tile)),
        skew((axis.up - (axis.pad % axis.up + axis.up) % axis.up) % axis.up),
        first_input(-(skew + axis.pad) / axis.up),
        offset(offset),
        signs(signs) {}
};

enum class Signs : int32_t { kNone, kMade, kRead };
enum class Number : int32_t { kFloat, kHalf, kBFloat16 };  // known at run time only: a third of the kernels to compile

// A filter in memory. Where it is no 2D one the taps are for both axes; a `lone` tap is for both together.
struct TapsInMemory {
  const float* at;
  int32_t width, height;
  bool lone;
};

struct TiledCall {
  const void *in, *bias;
  void* out;
  TapsInMemory fu, fd;
  uint8_t* signs;  // made or read: [picture, y, ⌈x / 4⌉]
  TileAxis x, y;   // `signs` of y: rows; of x: bytes
  Divisor channels;
  ActOptions<float> options;
  Number number;
  Signs mode;
  bool flip;
};

template <class G>
struct Tile {
  const TiledCall& call;
  int64_t picture;
  int32_t column, row, first_x, first_y;  // the tile's place among tiles, and its first output
  // What is needed of a tile at the picture's edge, counted from its first: outputs, fine samples that they see, and
  // input rows that these see.
  int32_t outputs_x, outputs_y, seen_x, seen_y, input_rows;

  __device__ explicit Tile(const TiledCall& call) : call(call) {
    const unsigned line = blockIdx.x / call.x.tiles, above = line / call.y.tiles;
    column = blockIdx.x - line * call.x.tiles;
    row = line - above * call.y.tiles;
    first_x = column * G::kX.out;
    first_y = row * G::kY.out;
    picture = above;
    outputs_x = least<int32_t>(G::kX.out, call.x.out - first_x);
    outputs_y = least<int32_t>(G::kY.out, call.y.out - first_y);
    seen_x = least<int32_t>(G::kX.fine, call.x.fine - fine_x());
    seen_y = least<int32_t>(G::kY.fine, call.y.fine - fine_y());
    input_rows = (seen_y - 1 + call.y.skew + G::kTapsUp - 1) / G::kUp + 1;
  }

  __device__ int32_t fine_x() const { return first_x * G::kDown; }
  __device__ int32_t fine_y() const { return first_y * G::kDown; }
};

// Zeros fill a filter up to the taps that the kernel was compiled for. Each axis brings its own `gain`. Made are
// [x taps, y taps], of a 2D filter [y, x] or, if XFirst, [x, y].
template <int Taps, bool Is2D, bool XFirst = false>
__device__ void load_filter(const TapsInMemory& taps, bool flip, float gain, float* weights) {
  for (int i = threadIdx.x; i < (Is2D ? Taps * Taps : 2 * Taps); i += kTileThreads) {
    const int major = i / Taps, minor = i % Taps;
    if constexpr (Is2D) {
      const int kx = XFirst ? major : minor, ky = XFirst ? minor : major;
      const int x = flip ? kx : taps.width - 1 - kx, y = flip ? ky : taps.height - 1 - ky;
      const bool inside = 0 <= x && x < taps.width && 0 <= y && y < taps.height;
      weights[i] = inside ? taps.at[y * taps.width + x] * gain * gain : 0.f;
    } else {
      const int place = flip ? minor : taps.width - 1 - minor;
      const float tap = 0 <= place && place < taps.width ? (taps.lone && major == 0 ? 1.f : taps.at[place]) : 0.f;
      weights[i] = tap * gain;
    }
  }
}

constexpr int kLoadsInFlight = 8;  // of a thread: memory answers late

template <class T, class G>
__device__ void load_pixels(const Tile<G>& tile, float* pixels) {
  constexpr int width = G::kX.in;
  const int count = width * tile.input_rows;
  const TileAxis &ax = tile.call.x, &ay = tile.call.y;
  const int32_t first_x = ax.first_input + tile.fine_x() / G::kUp, first_y = ay.first_input + tile.fine_y() / G::kUp;
  const T* in = static_cast<const T*>(tile.call.in) + tile.picture * ax.in * ay.in;
  const T* bias = static_cast<const T*>(tile.call.bias);
  const float b = bias ? static_cast<float>(bias[tile.call.channels.long_remainder(tile.picture)]) : 0.f;
  for (int first = threadIdx.x; first < count; first += kLoadsInFlight * kTileThreads) {
    float loaded[kLoadsInFlight];
#pragma unroll
    for (int j = 0; j < kLoadsInFlight; ++j) {
      const int i = first + j * kTileThreads;
      const int32_t x = first_x + i % width, y = first_y + i / width;
      const bool inside = i < count && 0 <= x && x < ax.in && 0 <= y && y < ay.in;
      loaded[j] = inside ? static_cast<float>(in[y * ax.in + x]) + b : 0.f;
    }
#pragma unroll
    for (int j = 0; j < kLoadsInFlight; ++j) {
      const int i = first + j * kTileThreads;
      if (i < count) pixels[i / width * G::kInPitch + i % width] = loaded[j];
    }
  }
}

template <class G>
__device__ void load_pixels_of_any_type(const Tile<G>& tile, float* pixels) {
  switch (tile.call.number) {
    case Number::kFloat: return load_pixels<float>(tile, pixels);
    case Number::kHalf: return load_pixels<c10::Half>(tile, pixels);
    case Number::kBFloat16: return load_pixels<c10::BFloat16>(tile, pixels);
  }
}

// Adds to Outputs sums what Inputs numbers in a row give them: output o and input i meet at tap up * i - down * o.
template <int Up, int Down, int Taps, int Inputs, int Outputs>
__device__ void add_products(const float (&inputs)[Inputs], const float* weights, float (&sums)[Outputs]) {
#pragma unroll
  for (int o = 0; o < Outputs; ++o)
#pragma unroll
    for (int i = 0; i < Inputs; ++i) {
      const int k = Up * i - Down * o;
      if (0 <= k && k < Taps) sums[o] += inputs[i] * weights[k];
    }
}

// N numbers, `step` apart.
template <int N>
__device__ void take(const float* from, int step, float (&numbers)[N]) {
#pragma unroll
  for (int i = 0; i < N; ++i) numbers[i] = from[i * step];
}

// Upsamples along x. Neighbouring threads take neighbouring rows.
template <class G>
__device__ void widen(const Tile<G>& tile, const float* pixels, const float* weights, float* wide) {
  float taps[G::kTapsUp];
  take(weights, 1, taps);
  for (int i = threadIdx.x; i < G::kY.in * G::kX.runs; i += kTileThreads) {
    const int row = i % G::kY.in, run = i / G::kY.in;
    if (row >= tile.input_rows || run * kRun - tile.call.x.skew >= tile.seen_x) continue;
    float line[G::kInputsSeen], sums[kRun] = {};
    take(pixels + row * G::kInPitch + run * G::kInputsARun, 1, line);
    add_products<G::kUp, 1, G::kTapsUp>(line, taps, sums);
#pragma unroll
    for (int o = 0; o < kRun; ++o) {
      const int m = run * kRun + o - tile.call.x.skew;
      if (0 <= m && m < G::kX.fine) wide[row * G::kFinePitch + m] = sums[o];
    }
  }
}

// The sign of a sample, read from memory.
template <class G>
__device__ unsigned sign_at(const Tile<G>& tile, int32_t m_x, int32_t m_y) {
  const TileAxis &ax = tile.call.x, &ay = tile.call.y;
  const int32_t x = tile.fine_x() + m_x + ax.offset, y = tile.fine_y() + m_y + ay.offset;
  if (x < 0 || x >= ax.signs * kSamplesAByte || y < 0 || y >= ay.signs) return kBlocked;
  const int64_t byte = (tile.picture * ay.signs + y) * ax.signs + x / kSamplesAByte;
  return tile.call.signs[byte] >> 2 * (x % kSamplesAByte) & 3;
}

// Whether any sample is needed of a run below each other.
template <class G>
__device__ bool is_seen(const Tile<G>& tile, int column, int run) {
  return column < tile.seen_x && run * kRun - tile.call.y.skew < tile.seen_y;
}

// Makes fine samples of the sums of a run, and keeps their signs in two bytes. Samples that are not needed are 0: they
// meet the zeros that fill a filter.
template <class G>
__device__ void finish_run(const Tile<G>& tile, int column, int run, const float (&sums)[kRun], float* fine,
                           uint16_t* signs) {
  unsigned codes = 0;
#pragma unroll
  for (int o = 0; o < kRun; ++o) {
    const int m = run * kRun + o - tile.call.y.skew;
    if (m < 0 || m >= G::kY.fine) continue;
    unsigned sign = kBlocked;
    float value = 0;
    if (column >= tile.seen_x || m >= tile.seen_y) {
      // not needed
    } else if (tile.call.mode == Signs::kRead) {
      value = sums[o] * fine_slope(sign_at(tile, column, m), tile.call.options);
    } else {
      value = fine_value(sums[o], tile.call.options, &sign);
    }
    codes |= sign << 2 * o;
    fine[m * G::kFinePitch + column] = value;
  }
  if (tile.call.mode == Signs::kMade) signs[run * G::kX.fine + column] = static_cast<uint16_t>(codes);
}

// Upsamples along y. Neighbouring threads take neighbouring columns.
template <class G>
__device__ void make_fine(const Tile<G>& tile, const float* wide, const float* weights, float* fine, uint16_t* signs) {
  float taps[G::kTapsUp];
  take(weights, 1, taps);
  for (int i = threadIdx.x; i < G::kX.fine * G::kY.runs; i += kTileThreads) {
    const int column = i % G::kX.fine, run = i / G::kX.fine;
    float line[G::kInputsSeen], sums[kRun] = {};
    if (is_seen(tile, column, run)) {
      take(wide + run * G::kInputsARun * G::kFinePitch + column, G::kFinePitch, line);
      add_products<G::kUp, 1, G::kTapsUp>(line, taps, sums);
    }
    finish_run(tile, column, run, sums, fine, signs);
  }
}

// Upsamples along both axes; the weights are [x, y].
template <class G>
__device__ void make_fine_in_2d(const Tile<G>& tile, const float* pixels, const float* weights, float* fine,
                                uint16_t* signs) {
  for (int i = threadIdx.x; i < G::kX.fine * G::kY.runs; i += kTileThreads) {
    const int column = i % G::kX.fine, run = i / G::kX.fine;
    const int m = column + tile.call.x.skew, phase = m % G::kUp, first = phase > 0;
    const float* from = pixels + run * G::kInputsARun * G::kInPitch + m / G::kUp + first;
    const float* taps = weights + (G::kUp * first - phase) * G::kTapsUp;
    float sums[kRun] = {};
#pragma unroll 1
    for (int k = 0; k < G::kTapsEach && is_seen(tile, column, run); ++k) {
      float line[G::kInputsSeen];
      take(from + k, G::kInPitch, line);
      add_products<G::kUp, 1, G::kTapsUp>(line, taps + k * G::kUp * G::kTapsUp, sums);
    }
    finish_run(tile, column, run, sums, fine, signs);
  }
}

// Writes the bytes of signs that begin in this tile, the last tile also those behind it.
template <class G>
__device__ void store_signs(const Tile<G>& tile, const uint16_t* signs) {
  constexpr int bytes = G::kX.fine / kSamplesAByte;
  const TileAxis &ax = tile.call.x, &ay = tile.call.y;
  const int columns = tile.column + 1 == ax.tiles ? bytes : G::kX.out * G::kDown / kSamplesAByte;
  const int rows = tile.row + 1 == ay.tiles ? tile.seen_y : G::kY.out * G::kDown;
  for (int i = threadIdx.x; i < bytes * rows; i += kTileThreads) {
    const int byte = i % bytes, m = i / bytes;
    const int32_t x = tile.fine_x() / kSamplesAByte + byte, y = tile.fine_y() + m;
    if (byte >= columns || x >= ax.signs) continue;
    const int place = m + ay.skew;
    const uint16_t* four = signs + place / kRun * G::kX.fine + byte * kSamplesAByte;
    unsigned made = 0;
#pragma unroll
    for (int c = 0; c < kSamplesAByte; ++c) made |= (four[c] >> 2 * (place % kRun) & 3u) << 2 * c;
    tile.call.signs[(tile.picture * ay.signs + y) * ax.signs + x] = static_cast<uint8_t>(made);
  }
}

// Downsamples along x. Neighbouring threads take neighbouring rows.
template <class G>
__device__ void narrow_rows(const Tile<G>& tile, const float* fine, const float* weights, float* narrow) {
  constexpr int runs = G::kX.out / G::kOutputsEach;
  float taps[G::kTapsDown];
  take(weights, 1, taps);
  for (int i = threadIdx.x; i < G::kY.fine * runs; i += kTileThreads) {
    const int row = i % G::kY.fine, run = i / G::kY.fine;
    float line[G::kSeen], sums[G::kOutputsEach] = {};
    if (row < tile.seen_y && run * G::kOutputsEach < tile.outputs_x) {
      take(fine + row * G::kFinePitch + run * G::kOutputsEach * G::kDown, 1, line);
      add_products<1, G::kDown, G::kTapsDown>(line, taps, sums);
    }
#pragma unroll
    for (int o = 0; o < G::kOutputsEach; ++o) narrow[row * G::kOutPitch + run * G::kOutputsEach + o] = sums[o];
  }
}

// `column` and `row` count from the tile's first output.
template <class G>
__device__ void store_output(const Tile<G>& tile, int column, int row, float sum) {
  if (column >= tile.outputs_x || row >= tile.outputs_y) return;
  const TileAxis &ax = tile.call.x, &ay = tile.call.y;
  const int32_t x = tile.first_x + column, y = tile.first_y + row;
  const int64_t place = tile.picture * ax.out * ay.out + y * ax.out + x;
  switch (tile.call.number) {
    case Number::kFloat: static_cast<float*>(tile.call.out)[place] = sum; break;
    case Number::kHalf: static_cast<c10::Half*>(tile.call.out)[place] = static_cast<c10::Half>(sum); break;
    case Number::kBFloat16: static_cast<c10::BFloat16*>(tile.call.out)[place] = static_cast<c10::BFloat16>(sum);
  }
}

// Downsamples along y. Neighbouring threads take neighbouring columns.
template <class G>
__device__ void make_outputs(const Tile<G>& tile, const float* narrow, const float* weights) {
  float taps[G::kTapsDown];
  take(weights, 1, taps);
  for (int i = threadIdx.x; i < G::kX.out * (G::kY.out / G::kOutputsEach); i += kTileThreads) {
    const int column = i % G::kX.out, run = i / G::kX.out;
    if (column >= tile.outputs_x || run * G::kOutputsEach >= tile.outputs_y) continue;
    float line[G::kSeen], sums[G::kOutputsEach] = {};
    take(narrow + run * G::kOutputsEach * G::kDown * G::kOutPitch + column, G::kOutPitch, line);
    add_products<1, G::kDown, G::kTapsDown>(line, taps, sums);
#pragma unroll
    for (int o = 0; o < G::kOutputsEach; ++o) store_output(tile, column, run * G::kOutputsEach + o, sums[o]);
  }
}

// Downsamples along both axes; the weights are [y, x].
template <class G>
__device__ void make_outputs_in_2d(const Tile<G>& tile, const float* fine, const float* weights) {
  constexpr int runs = G::kX.out / G::kOutputsEach;
  for (int i = threadIdx.x; i < runs * G::kY.out; i += kTileThreads) {
    const int run = i % runs, row = i / runs;
    if (run * G::kOutputsEach >= tile.outputs_x || row >= tile.outputs_y) continue;
    float sums[G::kOutputsEach] = {};
#pragma unroll 1
    for (int k = 0; k < G::kTapsDown; ++k) {
      float line[G::kSeen];
      take(fine + (row * G::kDown + k) * G::kFinePitch + run * G::kOutputsEach * G::kDown, 1, line);
      add_products<1, G::kDown, G::kTapsDown>(line, weights + k * G::kTapsDown, sums);
    }
#pragma unroll
    for (int o = 0; o < G::kOutputsEach; ++o) store_output(tile, run * G::kOutputsEach + o, row, sums[o]);
  }
}

template <class G>
__global__ void __launch_bounds__(kTileThreads) tiled_filtered_lrelu(TiledCall call) {
  Shared shared;
  float* first = shared.take<float>(G::kStretches.first);
  float* second = shared.take<float>(G::kStretches.second);
  uint16_t* signs = shared.take<uint16_t>(G::kStretches.signs);
  float* weights_up = shared.take<float>(G::kWeightsUp);
  float* weights_down = shared.take<float>(G::kWeightsDown);
  const Tile<G> tile(call);
  load_filter<G::kTapsUp, G::kUpIs2D, G::kUpIs2D>(call.fu, call.flip, G::kUp, weights_up);
  load_filter<G::kTapsDown, G::kDownIs2D>(call.fd, call.flip, 1, weights_down);
  load_pixels_of_any_type(tile, G::kUpIs2D ? second : first);
  __syncthreads();
  if constexpr (G::kUpIs2D) {
    make_fine_in_2d(tile, second, weights_up, first, signs);
  } else {
    widen(tile, first, weights_up, second);
    __syncthreads();
    make_fine(tile, second, weights_up + G::kTapsUp, first, signs);
  }
  __syncthreads();
  if (call.mode == Signs::kMade) store_signs(tile, signs);
  if constexpr (G::kDownIs2D) {
    make_outputs_in_2d(tile, first, weights_down);
  } else {
    narrow_rows(tile, first, weights_down, second);
    __syncthreads();
    make_outputs(tile, second, weights_down + G::kTapsDown);
  }
}

}  // namespace kaokore
