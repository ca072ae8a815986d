// upfirdn2d on the GPU; torch_utils/ops/upfirdn2d.py is the specification.
//
// The usual factors and filters have kernels of their own, which keep a tile of the input in shared memory, each number
// of it serving many outputs. Everything else (float64, other factors, huge filters, small pictures) takes a kernel with
// a thread for each output. Sums are in float32 or wider, separable filters included: half precision rounds once.

#include "device.cuh"
#include "resampling.h"

namespace kaokore {
namespace {

// The taps in memory are [y.taps, x.taps], in the type computed in.
template <class In, class Out, class W>
__global__ void any_filter(const In* in, const W* taps, Out* out, int64_t count, Axis x, Axis y, Index index, W gain) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t o = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; o < count; o += step) {
    const int64_t line = index.quotient(o, x.out), picture = index.quotient(line, y.out);
    const Axis::Meeting across = x.at(o - line * x.out), down = y.at(line - picture * y.out);
    W sum = 0;
    for (int64_t j = 0; j < down.count; ++j) {
      const In* pixels = in + (picture * y.in + down.pixel + j) * x.in + across.pixel;
      const W* row = taps + y.place(down.tap + j * y.up) * x.taps;
      for (int64_t i = 0; i < across.count; ++i)
        sum += static_cast<W>(pixels[i]) * row[x.place(across.tap + i * x.up)];
    }
    out[o] = static_cast<Out>(sum * gain);
  }
}

// Sizes of a tile, known to the compiler. Outputs o of the tile and its inputs i meet at tap Up * i - Down * o.
template <int Up, int Down, int Taps, bool Separable>
struct Tiling {
  static constexpr int kUp = Up, kDown = Down, kTaps = Taps;
  static constexpr bool kSeparable = Separable;
  static constexpr int kLanes = 32, kWarps = 8, kBlock = kLanes * kWarps;
  // Outputs in a row that one thread makes of inputs it holds in registers.
  static constexpr int kColumnsEach = Separable ? 4 * Up : Up, kRowsEach = Separable && Down == 2 ? 2 : 4;
  static constexpr int kWidth = kLanes * Up, kHeight = kWarps * kRowsEach;
  static constexpr KAOKORE_HD int inputs_of(int outputs) { return ((outputs - 1) * Down + Taps - 1) / Up + 1; }
  static constexpr int kInWidth = inputs_of(kWidth), kInHeight = inputs_of(kHeight);
  static constexpr int kPitch = kInWidth | 1, kMidPitch = kWidth | 1;  // odd: lanes on different rows, different banks
  static constexpr int kWeights = Separable ? 2 * Taps : Taps * Taps;

  static constexpr size_t bytes() {
    const size_t middle = Separable ? piece<float>(kInHeight * kMidPitch) : 0;
    return piece<float>(kWeights) + piece<float>(kInHeight * kPitch) + middle;
  }
};

// Where the tile of a block lies.
struct Place2d {
  int64_t picture, x, y;  // x, y: of its first output

  __device__ Place2d(const Axis& across, const Axis& down, int width, int height) {
    const int64_t columns = ceil_div<int64_t>(across.out, width), rows = ceil_div<int64_t>(down.out, height);
    const int64_t line = blockIdx.x / columns;
    x = (blockIdx.x - line * columns) * width;
    picture = line / rows;
    y = (line - picture * rows) * height;
  }
};

// The tap that meets the k-th place of the filter, which begins with `shift` zeros and ends with as many as there is room.
__device__ float tap_at(const Axis& axis, const float* taps, int k, int64_t stride) {
  const int64_t tap = k - axis.shift();
  return 0 <= tap && tap < axis.taps ? taps[axis.place(tap) * stride] : 0.f;
}

template <class G>
__device__ void load_weights(const float* taps, const Axis& x, const Axis& y, float gain, float* weights) {
  const int thread = threadIdx.y * G::kLanes + threadIdx.x;
  for (int i = thread; i < G::kWeights; i += G::kBlock) {
    const int row = i / G::kTaps, k = i % G::kTaps;
    if (G::kSeparable) {
      weights[i] = row ? tap_at(y, taps, k, 1) * gain : tap_at(x, taps, k, 1);
    } else {
      const int64_t tap = row - y.shift();
      const bool inside = 0 <= tap && tap < y.taps;
      weights[i] = inside ? tap_at(x, taps + y.place(tap) * x.taps, k, 1) * gain : 0.f;
    }
  }
}

template <class G, class T>
__device__ void load_tile(const T* in, const Axis& x, const Axis& y, const Place2d& tile, float* pixels) {
  const int64_t first_x = (tile.x * G::kDown - x.pad - x.shift()) / G::kUp;  // divides evenly
  const int64_t first_y = (tile.y * G::kDown - y.pad - y.shift()) / G::kUp;
  const int thread = threadIdx.y * G::kLanes + threadIdx.x;
  for (int i = thread; i < G::kInHeight * G::kInWidth; i += G::kBlock) {
    const int row = i / G::kInWidth, column = i % G::kInWidth;
    const int64_t at_x = first_x + column, at_y = first_y + row;
    const bool inside = 0 <= at_x && at_x < x.in && 0 <= at_y && at_y < y.in;
    pixels[row * G::kPitch + column] = inside ? static_cast<float>(in[(tile.picture * y.in + at_y) * x.in + at_x]) : 0.f;
  }
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

template <class T>
__device__ void store_pixel(T* out, const Axis& x, const Axis& y, const Place2d& tile, int column, int row, float sum) {
  const int64_t at_x = tile.x + column, at_y = tile.y + row;
  if (at_x < x.out && at_y < y.out) out[(tile.picture * y.out + at_y) * x.out + at_x] = static_cast<T>(sum);
}

// A thread makes kRowsEach rows of kColumnsEach outputs, reading each input row once.
template <class G, class T>
__device__ void filter_tile(const float* pixels, const float* weights, T* out, const Axis& x, const Axis& y,
                            const Place2d& tile) {
  constexpr int columns = G::kColumnsEach, rows = G::kRowsEach, inputs = G::inputs_of(columns);
  float sums[rows][columns] = {};
  const int first = threadIdx.y * rows * G::kDown / G::kUp * G::kPitch + threadIdx.x * columns * G::kDown / G::kUp;
#pragma unroll
  for (int i = 0; i < G::inputs_of(rows); ++i) {
    float line[inputs];
#pragma unroll
    for (int j = 0; j < inputs; ++j) line[j] = pixels[first + i * G::kPitch + j];
#pragma unroll
    for (int r = 0; r < rows; ++r) {
      const int k = G::kUp * i - G::kDown * r;
      if (0 <= k && k < G::kTaps) add_products<G>(line, weights + k * G::kTaps, sums[r]);
    }
  }
#pragma unroll
  for (int r = 0; r < rows; ++r)
#pragma unroll
    for (int c = 0; c < columns; ++c)
      store_pixel(out, x, y, tile, threadIdx.x * columns + c, threadIdx.y * rows + r, sums[r][c]);
}

// Along x, into `middle`: neighbouring threads take neighbouring rows, each a run of outputs.
template <class G>
__device__ void filter_rows(const float* pixels, const float* weights, float* middle) {
  constexpr int columns = G::kColumnsEach, inputs = G::inputs_of(columns), runs = G::kWidth / columns;
  for (int i = threadIdx.y * G::kLanes + threadIdx.x; i < G::kInHeight * runs; i += G::kBlock) {
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
__device__ void filter_columns(const float* middle, const float* weights, T* out, const Axis& x, const Axis& y,
                               const Place2d& tile) {
  constexpr int rows = G::kRowsEach, inputs = G::inputs_of(rows);
  for (int column = threadIdx.x; column < G::kWidth; column += G::kLanes) {
    float line[inputs], sums[rows] = {};
#pragma unroll
    for (int i = 0; i < inputs; ++i)
      line[i] = middle[(threadIdx.y * rows * G::kDown / G::kUp + i) * G::kMidPitch + column];
    add_products<G>(line, weights, sums);
#pragma unroll
    for (int r = 0; r < rows; ++r) store_pixel(out, x, y, tile, column, threadIdx.y * rows + r, sums[r]);
  }
}

template <class G, class T>
__global__ void __launch_bounds__(G::kBlock)
    tiled_filter(const T* in, const float* taps, T* out, Axis x, Axis y, float gain) {
  Shared shared;
  float* weights = shared.take<float>(G::kWeights);
  float* pixels = shared.take<float>(G::kInHeight * G::kPitch);
  const Place2d tile(x, y, G::kWidth, G::kHeight);
  load_weights<G>(taps, x, y, gain, weights);
  load_tile<G>(in, x, y, tile, pixels);
  __syncthreads();
  if constexpr (G::kSeparable) {
    float* middle = shared.take<float>(G::kInHeight * G::kMidPitch);
    filter_rows<G>(pixels, weights, middle);
    __syncthreads();
    filter_columns<G>(middle, weights + G::kTaps, out, x, y, tile);
  } else {
    filter_tile<G>(pixels, weights, out, x, y, tile);
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
  const int64_t columns = ceil_div<int64_t>(call.x.out, G::kWidth), rows = ceil_div<int64_t>(call.y.out, G::kHeight);
  Place(call.in).launch(tiled_filter<G, T>, call.pictures() * rows * columns, dim3(G::kLanes, G::kWarps), G::bytes(),
                        read<T>(call.in), read<float>(call.taps), written<T>(call.out), call.x, call.y,
                        static_cast<float>(call.gain));
}

constexpr int64_t kTiledFrom = 256;  // outputs of a picture: smaller ones leave most threads of a tile idle

// Whether a kernel for these factors and so many taps did the work.
template <class T, int Up, int Down>
bool ran_tiled(const Call& call) {
  const auto& [x, y] = std::tie(call.x, call.y);
  if (x.up != Up || y.up != Up || x.down != Down || y.down != Down || x.out * y.out < kTiledFrom) return false;
  const int64_t taps = most(x.taps + x.shift(), y.taps + y.shift());
  if (call.separable && taps <= 12) return run_tiled<Tiling<Up, Down, 12, true>, T>(call), true;
  if (call.separable && taps <= 24) return run_tiled<Tiling<Up, Down, 24, true>, T>(call), true;
  if (!call.separable && taps <= 4) return run_tiled<Tiling<Up, Down, 4, false>, T>(call), true;
  if (!call.separable && taps <= 8) return run_tiled<Tiling<Up, Down, 8, false>, T>(call), true;
  return false;
}

template <class In, class Out>
void run_any(const Call& call, const Tensor& in, const Tensor& out, const Axis& x, const Axis& y, double gain) {
  using W = Wide<In>;
  const bool narrow = most(in.numel(), out.numel()) < kNarrowBelow;
  Place(in).launch(any_filter<In, Out, W>, blocks_for(out.numel(), kThreads), kThreads, 0, read<In>(in),
                   read<W>(call.taps), written<Out>(out), out.numel(), x, y, Index{narrow}, static_cast<W>(gain));
}

// A pass along an axis that has nothing to do there.
Axis untouched(int64_t size) { return {size, size, 1, 1, 1, 0, true}; }

template <class T>
void run(const Call& call) {
  if constexpr (!std::is_same_v<T, double>)
    if (ran_tiled<T, 1, 1>(call) || ran_tiled<T, 2, 1>(call) || ran_tiled<T, 1, 2>(call)) return;
  if (!call.separable) return run_any<T, T>(call, call.in, call.out, call.x, call.y, call.gain);
  const Tensor middle = new_sized(call.in, {call.pictures(), call.y.in, call.x.out}, call.taps.scalar_type());
  run_any<T, Wide<T>>(call, call.in, middle, call.x, untouched(call.y.in), 1);
  run_any<Wide<T>, T>(call, middle, call.out, untouched(call.x.out), call.y, call.gain);
}

Axis axis_of(int64_t in, int64_t taps, int64_t up, int64_t down, int64_t before, int64_t after, bool flip) {
  const int64_t room = in * up + before + after - taps;
  return {in, room < 0 ? 0 : room / down + 1, taps, up, down, before, flip};
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

Tensor upfirdn2d(const Tensor& x, const Tensor& f, const std::vector<int64_t>& up, const std::vector<int64_t>& down,
                 const std::vector<int64_t>& padding, bool flip, double gain) {
  check(x, f, up, down, padding);
  const Axis across = axis_of(x.size(3), f.size(f.dim() - 1), up[0], down[0], padding[0], padding[1], flip);
  const Axis along = axis_of(x.size(2), f.size(0), up[1], down[1], padding[2], padding[3], flip);
  STD_TORCH_CHECK(across.out > 0 && along.out > 0, "upfirdn2d: padding [", padding[0], ", ", padding[1], ", ",
                  padding[2], ", ", padding[3], "] leaves nothing of ", x.size(3), "x", x.size(2), " pixels.");
  const Tensor y = new_sized(x, {x.size(0), x.size(1), along.out, across.out}, x.scalar_type());
  if (y.numel() == 0) return y;
  const bool doubled = x.scalar_type() == ScalarType::Double;
  const Tensor taps = torch::stable::contiguous(
      torch::stable::to(f, doubled ? ScalarType::Double : ScalarType::Float));
  const Call call{torch::stable::contiguous(x), taps, y, across, along, gain, f.dim() == 1};
  with_type_of("upfirdn2d", x, [&](auto number) { run<decltype(number)>(call); });
  return y;
}

}  // namespace
}  // namespace kaokore

KAOKORE_OPERATORS(m) {
  m.impl("upfirdn2d", TORCH_BOX(&kaokore::upfirdn2d));
}
