// upfirdn2d on the GPU; torch_utils/ops/upfirdn2d.py is the specification.
//
// The usual factors and filters have kernels of their own, which keep a tile of the input in shared memory, each number
// of it serving many outputs. Everything else (float64, other factors, huge filters, small pictures) takes a kernel with
// a thread for each output. Sums are in float32 or wider, separable filters included: half precision rounds once.

#include "device.cuh"
#include "layout.h"
#include "resampling.h"

namespace kaokore::upfirdn2d_cuda {
namespace {

// The taps in memory are [y.taps, x.taps], in the type computed in.
template <class In, class Out, class W>
__global__ void any_filter(const In* in, const W* taps, Out* out, int64_t count, Axis x, Axis y, W gain) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t o = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; o < count; o += step) {
    const int64_t line = x.out.quotient(o), picture = y.out.quotient(line);
    const Axis::Meeting across = x.at(o - line * x.out.by), down = y.at(line - picture * y.out.by);
    W sum = 0;
    for (int64_t j = 0; j < down.count; ++j) {
      const In* pixels = in + (picture * y.in + down.pixel + j) * x.in + across.pixel;
      const W* row = taps + y.place(down.tap + j * y.up.by) * x.taps;
      for (int64_t i = 0; i < across.count; ++i)
        sum += static_cast<W>(pixels[i]) * row[x.place(across.tap + i * x.up.by)];
    }
    out[o] = static_cast<Out>(sum * gain);
  }
}

constexpr int kChunk = 4;  // neighbours that are loaded at once

// Sizes of a tile, known to the compiler. Outputs o of the tile and its inputs i meet at tap Up * i - Down * o.
template <int Up, int Down, int Taps, bool Separable>
struct Tiling {
  static constexpr int kUp = Up, kDown = Down, kTaps = Taps;
  static constexpr bool kSeparable = Separable;
  static constexpr int kLanes = 32, kWarps = 8, kBlock = kLanes * kWarps;
  // Outputs in a row, and rows, that one thread makes of inputs it holds in registers.
  static constexpr int kColumnsEach = Separable ? 4 * Up : Down == 1 ? 2 : 1;
  static constexpr int kRowsEach = Separable && Down == 2 ? 2 : !Separable && Down == 1 && Taps <= 4 ? 8 : 4;
  static constexpr int kWidth = kLanes * (Separable ? Up : kColumnsEach), kHeight = kWarps * kRowsEach;
  static constexpr KAOKORE_HD int inputs_of(int outputs) { return ((outputs - 1) * Down + Taps - 1) / Up + 1; }
  static constexpr int kInWidth = inputs_of(kWidth), kInHeight = inputs_of(kHeight);
  // Chunks that hold a row wherever it begins. Of separable filters neighbouring lanes read neighbouring rows, which an
  // odd pitch puts into different banks.
  static constexpr int kChunks = (kInWidth + kChunk - 1 + kChunk - 1) / kChunk;
  static constexpr int kPitch = Separable ? kInWidth | 1 : kChunks * kChunk, kMidPitch = kWidth | 1;
  // Of others neighbouring lanes read pixels kApart apart. Those of a row that are 2 apart lie beside each other: the even
  // ones first, then the odd ones.
  static constexpr int kApart = Separable ? 1 : kColumnsEach * Down / Up, kHalf = kPitch / 2;
  static_assert(kApart == 1 || kApart == 2);
  static constexpr int kWeights = Separable ? 2 * Taps : Taps * Taps;

  static constexpr size_t bytes() {
    const size_t middle = Separable ? piece<float>(kInHeight * kMidPitch) : 0;
    return piece<float>(kWeights) + piece<float>(kInHeight * kPitch) + middle;
  }
};

// The tile of a block: a picture's axes, and the first output on each.
template <class G>
struct Tile {
  const TiledAxis &x, &y;
  int64_t picture;
  int32_t first_x, first_y;

  __device__ Tile(const TiledAxis& x, const TiledAxis& y) : x(x), y(y) {
    const unsigned line = x.tiles.quotient(blockIdx.x), above = y.tiles.quotient(line);
    first_x = (blockIdx.x - line * static_cast<unsigned>(x.tiles.by)) * G::kWidth;
    first_y = (line - above * static_cast<unsigned>(y.tiles.by)) * G::kHeight;
    picture = above;
  }

  static __device__ int thread() { return threadIdx.y * G::kLanes + threadIdx.x; }
};

// The tap that is the thread's to load: its place in memory (along one axis alone if the filter is separable, x before y),
// or -1 for a zero.
template <class G>
__device__ int place_of_weight(const Tile<G>& tile, int i) {
  const int row = i / G::kTaps, k = i % G::kTaps;
  if (G::kSeparable) return row ? tile.y.place(k) : tile.x.place(k);
  const int place_x = tile.x.place(k), place_y = tile.y.place(row);
  return place_x < 0 || place_y < 0 ? -1 : place_y * tile.x.taps + place_x;
}

constexpr int kInFlight = 8;  // loads that a thread has under way at once: memory answers late

__device__ inline bool within(int32_t i, int32_t size) { return static_cast<uint32_t>(i) < static_cast<uint32_t>(size); }

template <class G>
__device__ int place_in_row(int column) {
  return G::kApart == 1 ? column : column % 2 * G::kHalf + column / 2;
}

// Four neighbours of a row, of which the first is the `column`-th in shared memory.
template <class G>
__device__ void put_chunk(float* row, int column, const Pack<float, kChunk>& chunk) {
  if constexpr (G::kApart == 1) {
    *reinterpret_cast<Pack<float, kChunk>*>(row + column) = chunk;
  } else {
    *reinterpret_cast<Pack<float, 2>*>(row + column / 2) = {chunk.at[0], chunk.at[2]};
    *reinterpret_cast<Pack<float, 2>*>(row + G::kHalf + column / 2) = {chunk.at[1], chunk.at[3]};
  }
}

// `in` is of the tile's picture, whose rows begin at multiples of kChunk: so chunks lie within it or outside. The tile
// begins so many pixels into a row as are returned.
template <class G, class T>
__device__ int load_chunks(const Tile<G>& tile, const T* in, int32_t first_x, int32_t first_y, float* pixels) {
  constexpr int count = G::kInHeight * G::kChunks, in_flight = least(ceil_div(count, G::kBlock), kInFlight);
  const int32_t start = first_x & ~(kChunk - 1);
  for (int first = tile.thread(); first < count; first += in_flight * G::kBlock) {
    Fetched<kChunk, T> chunks[in_flight];
#pragma unroll
    for (int j = 0; j < in_flight; ++j) {
      const int i = first + j * G::kBlock;
      const int32_t x = start + i % G::kChunks * kChunk, y = first_y + i / G::kChunks;
      if (i < count && within(x, tile.x.in) && within(y, tile.y.in)) chunks[j].fetch(in + y * tile.x.in + x);
    }
#pragma unroll
    for (int j = 0; j < in_flight; ++j) {
      const int i = first + j * G::kBlock;
      Pack<float, kChunk> pack;
      chunks[j].unpack(pack.at);
      if (i < count) put_chunk<G>(pixels + i / G::kChunks * G::kPitch, i % G::kChunks * kChunk, pack);
    }
  }
  return first_x - start;
}

// Returns how many pixels into a row of `pixels` the tile begins.
template <class G, class T>
__device__ int load_pixels(const Tile<G>& tile, const T* in, bool chunks, float* pixels) {
  constexpr int count = G::kInHeight * G::kInWidth;
  const int32_t first_x = (tile.first_x * G::kDown - tile.x.lead) / G::kUp;  // divides evenly
  const int32_t first_y = (tile.first_y * G::kDown - tile.y.lead) / G::kUp;
  in += tile.picture * tile.x.in * tile.y.in;
  if constexpr (!G::kSeparable)
    if (chunks) return load_chunks(tile, in, first_x, first_y, pixels);
  for (int first = tile.thread(); first < count; first += kInFlight * G::kBlock) {
    Fetched<1, T> there[kInFlight];
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) {
      const int i = first + j * G::kBlock;
      const int32_t x = first_x + i % G::kInWidth, y = first_y + i / G::kInWidth;
      if (i < count && within(x, tile.x.in) && within(y, tile.y.in)) there[j].fetch(in + y * tile.x.in + x);
    }
#pragma unroll
    for (int j = 0; j < kInFlight; ++j) {
      const int i = first + j * G::kBlock;
      float loaded[1];
      there[j].unpack(loaded);
      if (i < count) pixels[i / G::kInWidth * G::kPitch + place_in_row<G>(i % G::kInWidth)] = loaded[0];
    }
  }
  return 0;
}

// Adds to Outputs sums in a row what Inputs pixels in a row give them through one row of taps.
template <class G, int Inputs, int Outputs>
__device__ void add_products(const float (&pixels)[Inputs], const float* weights, float (&sums)[Outputs]) {
#pragma unroll
  for (int o = 0; o < Outputs; ++o)
#pragma unroll
    for (int i = 0; i < Inputs; ++i) {
      const int k = G::kUp * i - G::kDown * o;
      if (0 <= k && k < G::kTaps) sums[o] += pixels[i] * weights[k];
    }
}

// Outputs in a row, of which only so many lie in the picture; in packs if rows begin and end where packs do.
template <class T, int Outputs>
__device__ void store_pixels(T* to, int32_t inside, bool packs, const float (&sums)[Outputs]) {
  if (packs) {
    if (inside > 0) store(to, sums);
    return;
  }
#pragma unroll
  for (int c = 0; c < Outputs; ++c)
    if (c < inside) to[c] = static_cast<T>(sums[c]);
}

// A thread makes kRowsEach rows of kColumnsEach outputs, reading each input row once. Its tile begins so many pixels into
// the rows of `pixels`; `out` is of the tile's picture.
template <class G, class T>
__device__ void filter_tile(const Tile<G>& tile, const float* pixels, int begin, const float* weights, T* out) {
  constexpr int columns = G::kColumnsEach, rows = G::kRowsEach, inputs = G::inputs_of(columns);
  const int32_t x = tile.first_x + threadIdx.x * columns, y = tile.first_y + threadIdx.y * rows;
  if (x >= tile.x.out || y >= tile.y.out) return;
  float taps[G::kWeights];  // in registers if they are few
#pragma unroll
  for (int k = 0; k < G::kWeights; ++k) taps[k] = weights[k];
  const float* of[inputs];  // the pixels that this thread reads of its first row
#pragma unroll
  for (int j = 0; j < inputs; ++j)
    of[j] = pixels + threadIdx.y * rows * G::kDown / G::kUp * G::kPitch + place_in_row<G>(begin + j) + threadIdx.x;
  float sums[rows][columns] = {};
#pragma unroll
  for (int i = 0; i < G::inputs_of(rows); ++i) {
    float line[inputs];
#pragma unroll
    for (int j = 0; j < inputs; ++j) line[j] = of[j][i * G::kPitch];
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const int k = G::kUp * i - G::kDown * r;
      if (0 <= k && k < G::kTaps) add_products<G>(line, taps + k * G::kTaps, sums[r]);
    }
  }
  const bool packs = tile.x.out % columns == 0;
  T* to = out + static_cast<int64_t>(y) * tile.x.out + x;
#pragma unroll
  for (int r = 0; r < rows; ++r, to += tile.x.out)
    if (y + r < tile.y.out) store_pixels(to, tile.x.out - x, packs, sums[r]);
}

// Along x, into `middle`: neighbouring threads take neighbouring rows, each a run of outputs.
template <class G>
__device__ void filter_rows(const Tile<G>& tile, const float* pixels, const float* weights, float* middle) {
  constexpr int columns = G::kColumnsEach, inputs = G::inputs_of(columns), runs = G::kWidth / columns;
  for (int i = tile.thread(); i < G::kInHeight * runs; i += G::kBlock) {
    const int row = i % G::kInHeight, run = i / G::kInHeight;
    float line[inputs], sums[columns] = {};
#pragma unroll
    for (int j = 0; j < inputs; ++j) line[j] = pixels[row * G::kPitch + run * columns * G::kDown / G::kUp + j];
    add_products<G>(line, weights, sums);
#pragma unroll
    for (int c = 0; c < columns; ++c) middle[row * G::kMidPitch + run * columns + c] = sums[c];
  }
}

// Along y, out of `middle`: a thread makes kRowsEach outputs below each other.
template <class G, class T>
__device__ void filter_columns(const Tile<G>& tile, const float* middle, const float* weights, T* out) {
  constexpr int rows = G::kRowsEach, inputs = G::inputs_of(rows);
  for (int column = threadIdx.x; column < G::kWidth; column += G::kLanes) {
    float line[inputs], sums[rows] = {};
#pragma unroll
    for (int i = 0; i < inputs; ++i)
      line[i] = middle[(threadIdx.y * rows * G::kDown / G::kUp + i) * G::kMidPitch + column];
    add_products<G>(line, weights, sums);
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const int32_t x = tile.first_x + column, y = tile.first_y + threadIdx.y * rows + r;
      if (x < tile.x.out && y < tile.y.out) out[y * tile.x.out + x] = static_cast<T>(sums[r]);
    }
  }
}

template <class G, class T>
__global__ void __launch_bounds__(G::kBlock)
    tiled_filter(const T* in, bool chunks, const float* taps, T* out, TiledAxis x, TiledAxis y, float gain) {
  Shared shared;
  float* weights = shared.take<float>(G::kWeights);
  float* pixels = shared.take<float>(G::kInHeight * G::kPitch);
  const Tile<G> tile(x, y);
  out += tile.picture * x.out * y.out;
  static_assert(G::kWeights <= G::kBlock);
  const int weight = tile.thread() < G::kWeights ? place_of_weight(tile, tile.thread()) : -1;
  const float tap = weight < 0 ? 0.f : taps[weight];  // on its way while the pixels are asked for
  const int begin = load_pixels(tile, in, chunks, pixels);
  const bool gains = !G::kSeparable || tile.thread() >= G::kTaps;
  if (tile.thread() < G::kWeights) weights[tile.thread()] = gains ? tap * gain : tap;
  __syncthreads();
  if constexpr (G::kSeparable) {
    float* middle = shared.take<float>(G::kInHeight * G::kMidPitch);
    filter_rows(tile, pixels, weights, middle);
    __syncthreads();
    filter_columns(tile, middle, weights + G::kTaps, out);
  } else {
    filter_tile(tile, pixels, begin, weights, out);
  }
}

// What a call needs, checked, its tensors in one piece.
struct Call {
  Tensor in, taps, out;
  Axis x, y;
  double gain;
  bool separable;

  int64_t pictures() const { return in.size(0) * in.size(1); }
};

template <class G, class T>
void run_tiled(const Call& call) {
  const TiledAxis x(call.x, G::kWidth), y(call.y, G::kHeight);
  const bool chunks = x.in % kChunk == 0 && aligned(read<T>(call.in));
  Place(call.in).launch(tiled_filter<G, T>, call.pictures() * x.tiles.by * y.tiles.by, dim3(G::kLanes, G::kWarps), G::bytes(),
                        read<T>(call.in), chunks, read<float>(call.taps), written<T>(call.out), x, y,
                        static_cast<float>(call.gain));
}

constexpr int64_t kTiledFrom = 256;              // outputs of a picture: smaller ones leave most threads of a tile idle
constexpr int64_t kTiledBelow = int64_t{1} << 28;  // pixels of a picture, for all sums of indices to fit 32 bits

// Whether a kernel for these factors and so many taps did the work.
template <class T, int Up, int Down>
bool ran_tiled(const Call& call) {
  const Axis &x = call.x, &y = call.y;
  const int64_t outputs = x.out.by * y.out.by, inputs = x.in * y.in;
  if (x.up.by != Up || y.up.by != Up || x.down != Down || y.down != Down) return false;
  if (outputs < kTiledFrom || most(most(outputs, inputs), most(std::abs(x.pad), std::abs(y.pad))) >= kTiledBelow)
    return false;
  const int64_t taps = most(x.taps + TiledAxis::shift_of(x), y.taps + TiledAxis::shift_of(y));
  if (call.separable && taps <= 12) return run_tiled<Tiling<Up, Down, 12, true>, T>(call), true;
  if (call.separable && taps <= 24) return run_tiled<Tiling<Up, Down, 24, true>, T>(call), true;
  if (!call.separable && taps <= 4) return run_tiled<Tiling<Up, Down, 4, false>, T>(call), true;
  if (!call.separable && taps <= 8) return run_tiled<Tiling<Up, Down, 8, false>, T>(call), true;
  return false;
}

template <class In, class Out>
void run_any(const Call& call, const Tensor& in, const Tensor& out, const Axis& x, const Axis& y, double gain) {
  using W = Wide<In>;
  Place(in).launch(any_filter<In, Out, W>, blocks_for(out.numel(), kThreads), kThreads, 0, read<In>(in),
                   read<W>(call.taps), written<Out>(out), out.numel(), x, y, static_cast<W>(gain));
}

// A pass along an axis that has nothing to do there.
Axis untouched(int64_t size) { return {size, Divisor(size), 1, Divisor(1), 1, 0, true}; }

template <class T>
void run(const Call& call) {
  if constexpr (!std::is_same_v<T, double>)
    if (ran_tiled<T, 1, 1>(call) || ran_tiled<T, 2, 1>(call) || ran_tiled<T, 1, 2>(call)) return;
  if (!call.separable) return run_any<T, T>(call, call.in, call.out, call.x, call.y, call.gain);
  const Tensor middle = new_sized(call.in, {call.pictures(), call.y.in, call.x.out.by}, call.taps.scalar_type());
  run_any<T, Wide<T>>(call, call.in, middle, call.x, untouched(call.y.in), 1);
  run_any<Wide<T>, T>(call, middle, call.out, untouched(call.x.out.by), call.y, call.gain);
}

Axis axis_of(int64_t in, int64_t taps, int64_t up, int64_t down, int64_t before, int64_t after, bool flip) {
  const int64_t room = in * up + before + after - taps;
  return {in, Divisor(room < 0 ? 0 : room / down + 1), taps, Divisor(up), down, before, flip};
}

void check(const Tensor& x, const Tensor& f, const std::vector<int64_t>& up, const std::vector<int64_t>& down,
           const std::vector<int64_t>& padding) {
  STD_TORCH_CHECK(on_device(x), "upfirdn2d: x is on another kind of device than this kernel");
  STD_TORCH_CHECK(x.dim() == 4, "upfirdn2d: x of shape ", shape_of(x), " is not [N, C, H, W]");
  STD_TORCH_CHECK((f.dim() == 1 || f.dim() == 2) && f.numel() > 0, "upfirdn2d: f of shape ", shape_of(f),
                  " is neither [taps] nor [height, width]");
  STD_TORCH_CHECK(on_device(f) && f.get_device_index() == x.get_device_index(),
                  "upfirdn2d: f is on another device than x");
  STD_TORCH_CHECK(up.size() == 2 && down.size() == 2 && padding.size() == 4,
                  "upfirdn2d: up and down take two numbers, padding four");
  STD_TORCH_CHECK(least(least(up[0], up[1]), least(down[0], down[1])) >= 1, "upfirdn2d: up and down begin at 1");
}

// The result, which the kernels make contiguous, with its channels last if those of x are.
Tensor as_lies(const Tensor& y, const Tensor& x) {
  if (!channels_last(x)) return y;
  Tensor last = new_pictures(y, y.size(2), y.size(3), true);
  torch::stable::copy_(last, y);
  return last;
}

Tensor upfirdn2d(const Tensor& x, const Tensor& f, const std::vector<int64_t>& up, const std::vector<int64_t>& down,
                 const std::vector<int64_t>& padding, bool flip, double gain) {
  check(x, f, up, down, padding);
  const Axis across = axis_of(x.size(3), f.size(f.dim() - 1), up[0], down[0], padding[0], padding[1], flip);
  const Axis along = axis_of(x.size(2), f.size(0), up[1], down[1], padding[2], padding[3], flip);
  STD_TORCH_CHECK(across.out.by > 0 && along.out.by > 0, "upfirdn2d: padding [", padding[0], ", ", padding[1], ", ",
                  padding[2], ", ", padding[3], "] leaves nothing of ", x.size(3), "x", x.size(2), " pixels.");
  const Tensor y = new_sized(x, {x.size(0), x.size(1), along.out.by, across.out.by}, x.scalar_type());
  if (y.numel() == 0) return y;
  const bool doubled = x.scalar_type() == ScalarType::Double;
  const Tensor taps = torch::stable::contiguous(
      torch::stable::to(f, doubled ? ScalarType::Double : ScalarType::Float));
  const Call call{torch::stable::contiguous(x), taps, y, across, along, gain, f.dim() == 1};
  with_type_of("upfirdn2d", x, [&](auto number) { run<decltype(number)>(call); });
  return as_lies(y, x);
}

}  // namespace
}  // namespace kaokore::upfirdn2d_cuda

KAOKORE_OPERATORS(m) {
  m.impl("upfirdn2d", TORCH_BOX(&kaokore::upfirdn2d_cuda::upfirdn2d));
}
