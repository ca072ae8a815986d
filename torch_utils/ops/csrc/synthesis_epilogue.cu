// The synthesis epilogue and its derivatives on the GPU; torch_utils/ops/synthesis_epilogue.py is the specification.
//
// The backward reads dy, y and x once. Each block sums its tile of a picture along both sides; a second kernel adds the
// tiles' sums up. The order of all additions is fixed, so that results repeat to the last bit (no atomics).

#include "device.cuh"

namespace kaokore::synthesis_epilogue_cuda {
namespace {

constexpr int kLanes = 32, kWarps = 8;
constexpr int kTileRows = 32;
template <class T>
constexpr int kTileColumns = kLanes * kPackSize<T>;
constexpr int kBlocksAtOnce = 2;  // of a multiprocessor; where more are aimed at, ptxas spills registers
constexpr int kRowPitch = kLanes + 1;  // one more, so that the lanes that add up rows meet different banks

// How [N, C, H, W] lies in memory. Each picture is a matrix: of channels by pixels, or, channels last, the other way.
struct Pictures {
  bool channels_last;
  int64_t channels, pixels;
  Divisor rows, columns;

  Pictures(bool channels_last, int64_t channels, int64_t pixels)
      : channels_last(channels_last),
        channels(channels),
        pixels(pixels),
        rows(channels_last ? pixels : channels),
        columns(channels_last ? channels : pixels) {}
};

template <class T>
struct Inputs {
  const T *x, *scale, *noise, *b;  // scale and noise may be null
  int64_t noise_stride;            // from one sample's noise to the next; 0 where all share one
};

template <int N, class T>
__device__ void epilogue(Inputs<T> in, T* y, int64_t i, const Pictures& shape, ActOptions<Wide<T>> options) {
  const int64_t line = shape.columns.quotient(i), column = i - line * shape.columns.by;
  const int64_t sample = shape.rows.quotient(line), row = line - sample * shape.rows.by;
  const int64_t channel = shape.channels_last ? column : row, pixel = shape.channels_last ? row : column;
  Wide<T> value[N], scale[N], noise[N] = {}, bias[N];
  load(in.x + i, true, value);
  load(in.b + channel, shape.channels_last, bias);
  if (in.noise) load(in.noise + sample * in.noise_stride + pixel, !shape.channels_last, noise);
  if (in.scale) {
    load(in.scale + sample * shape.channels + channel, shape.channels_last, scale);
#pragma unroll
    for (int j = 0; j < N; ++j) value[j] *= scale[j];
  }
#pragma unroll
  for (int j = 0; j < N; ++j) value[j] = bias_act_value<Act::lrelu>(value[j] + noise[j] + bias[j], options);
  store(y + i, value);
}

template <class T, int N>
__global__ void forward_kernel(Inputs<T> in, T* y, int64_t count, Pictures shape, ActOptions<Wide<T>> options) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * N;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N; i < count; i += step)
    epilogue<N>(in, y, i, shape, options);
}

template <class T>
struct Gradients {
  const T *dy, *y, *x, *scale;  // without a scale x is not read
  T* dx;
  // Sums of a tile's rows, [N, column tiles, rows], and columns, [N, row tiles, columns]; of dz, and of dz * x, which
  // belongs to the channels. Null where nobody asks.
  Wide<T> *row_sums, *column_sums, *product_sums;
  bool packs;
};

// The columns that a lane holds: neighbours where they are loaded in packs, else every 32nd.
template <class T>
__device__ int column_of(bool packs, int lane, int j) {
  return packs ? lane * kPackSize<T> + j : lane + kLanes * j;
}

template <class T>
__device__ void load_columns(const T* row, bool packs, int64_t columns, Wide<T> (&loaded)[kPackSize<T>]) {
  const int lane = threadIdx.x;
  if (packs && column_of<T>(true, lane, 0) < columns) return load(row + column_of<T>(true, lane, 0), true, loaded);
#pragma unroll
  for (int j = 0; j < kPackSize<T>; ++j) {
    const int column = column_of<T>(packs, lane, j);
    loaded[j] = column < columns ? static_cast<Wide<T>>(row[column]) : Wide<T>(0);
  }
}

template <class T>
__device__ void store_columns(T* row, bool packs, int64_t columns, const Wide<T> (&numbers)[kPackSize<T>]) {
  const int lane = threadIdx.x;
  if (packs && column_of<T>(true, lane, 0) < columns) return store(row + column_of<T>(true, lane, 0), numbers);
#pragma unroll
  for (int j = 0; j < kPackSize<T>; ++j) {
    const int column = column_of<T>(packs, lane, j);
    if (column < columns) row[column] = static_cast<T>(numbers[j]);
  }
}

// Where a block's tile lies.
struct Tile {
  int64_t sample, row_tile, column_tile, row_tiles, column_tiles;

  __device__ Tile(const Pictures& shape, int tile_columns)
      : row_tiles(ceil_div<int64_t>(shape.rows.by, kTileRows)),
        column_tiles(ceil_div<int64_t>(shape.columns.by, tile_columns)) {
    const unsigned line = blockIdx.x / static_cast<unsigned>(column_tiles);
    column_tile = blockIdx.x - line * column_tiles;
    sample = line / static_cast<unsigned>(row_tiles);
    row_tile = line - sample * row_tiles;
  }
};

// Each lane's sums over its columns for every row of the tile, and each warp's over its rows for every column.
template <class T>
struct TileSums {
  Wide<T> *rows, *columns, *products;

  // Products are summed as dz is along the channels: columns where channels come last, else rows.
  __device__ TileSums(Shared& shared, bool channels_last)
      : rows(shared.take<Wide<T>>(kTileRows * kRowPitch)),
        columns(shared.take<Wide<T>>(kWarps * kTileColumns<T>)),
        products(shared.take<Wide<T>>(channels_last ? kWarps * kTileColumns<T> : kTileRows * kRowPitch)) {}

  static size_t bytes(bool channels_last) {
    const size_t a = piece<Wide<T>>(kTileRows * kRowPitch), b = piece<Wide<T>>(kWarps * kTileColumns<T>);
    return a + b + (channels_last ? b : a);
  }
};

template <class T, bool ChannelsLast>
__device__ void differentiate_tile(const Gradients<T>& g, const Pictures& shape, const Tile& tile,
                                   const TileSums<T>& sums, ActOptions<Wide<T>> options) {
  constexpr int n = kPackSize<T>;
  const int lane = threadIdx.x, warp = threadIdx.y;
  const int64_t first_column = tile.column_tile * kTileColumns<T>, columns = shape.columns.by - first_column;
  Wide<T> column_sums[n] = {}, column_products[n] = {}, scale[n] = {};
  if (ChannelsLast && g.scale)
    load_columns(g.scale + tile.sample * shape.channels + first_column, g.packs, columns, scale);
  for (int r = warp; r < kTileRows; r += kWarps) {
    const int64_t row = tile.row_tile * kTileRows + r;
    Wide<T> row_sum = 0, row_product = 0;
    if (row < shape.rows.by) {
      const int64_t start = (tile.sample * shape.rows.by + row) * shape.columns.by + first_column;
      Wide<T> dz[n], y[n], x[n] = {};
      load_columns(g.dy + start, g.packs, columns, dz);
      load_columns(g.y + start, g.packs, columns, y);
      if (g.scale) load_columns(g.x + start, g.packs, columns, x);
      if (!ChannelsLast && g.scale) load(g.scale + tile.sample * shape.channels + row, false, scale);
#pragma unroll
      for (int j = 0; j < n; ++j) {
        dz[j] = epilogue_slope(dz[j], y[j], options);
        const Wide<T> product = dz[j] * x[j];
        row_sum += dz[j];
        column_sums[j] += dz[j];
        if (ChannelsLast) column_products[j] += product;
        else row_product += product;
        if (g.scale) dz[j] *= scale[j];
      }
      store_columns(g.dx + start, g.packs, columns, dz);
    }
    sums.rows[r * kRowPitch + lane] = row_sum;
    if (!ChannelsLast) sums.products[r * kRowPitch + lane] = row_product;
  }
#pragma unroll
  for (int j = 0; j < n; ++j) {
    const int place = warp * kTileColumns<T> + column_of<T>(g.packs, lane, j);
    sums.columns[place] = column_sums[j];
    if (ChannelsLast) sums.products[place] = column_products[j];
  }
}

template <class A>
__device__ A sum_of(const A* numbers, int count, int stride) {
  A sum = 0;
  for (int i = 0; i < count; ++i) sum += numbers[i * stride];
  return sum;
}

template <class T, bool ChannelsLast>
__global__ void __launch_bounds__(kLanes * kWarps, kBlocksAtOnce)
    backward_kernel(Gradients<T> g, Pictures shape, ActOptions<Wide<T>> options) {
  Shared shared;
  const TileSums<T> sums(shared, ChannelsLast);
  const Tile tile(shape, kTileColumns<T>);
  differentiate_tile<T, ChannelsLast>(g, shape, tile, sums, options);
  __syncthreads();
  const int thread = threadIdx.y * kLanes + threadIdx.x;
  const int64_t row = tile.row_tile * kTileRows + thread;
  if (thread < kTileRows && row < shape.rows.by) {
    const int64_t to = (tile.sample * tile.column_tiles + tile.column_tile) * shape.rows.by + row;
    if (g.row_sums) g.row_sums[to] = sum_of(sums.rows + thread * kRowPitch, kLanes, 1);
    if (!ChannelsLast && g.product_sums)
      g.product_sums[to] = sum_of(sums.products + thread * kRowPitch, kLanes, 1);
  }
  for (int c = thread; c < kTileColumns<T>; c += kLanes * kWarps) {
    const int64_t column = tile.column_tile * kTileColumns<T> + c;
    if (column >= shape.columns.by) break;
    const int64_t to = (tile.sample * tile.row_tiles + tile.row_tile) * shape.columns.by + column;
    if (g.column_sums) g.column_sums[to] = sum_of(sums.columns + c, kWarps, kTileColumns<T>);
    if (ChannelsLast && g.product_sums) g.product_sums[to] = sum_of(sums.products + c, kWarps, kTileColumns<T>);
  }
}

// [outer, tiles, inner] summed over the tiles.
template <class T>
__global__ void sum_tiles(const Wide<T>* parts, T* sums, int64_t tiles, int64_t inner) {
  Shared shared;
  Wide<T>* rows = shared.take<Wide<T>>(kLanes * blockDim.y);
  const unsigned groups = static_cast<unsigned>(ceil_div<int64_t>(inner, kLanes));
  const int64_t outer = blockIdx.x / groups;
  const int64_t i = (blockIdx.x - outer * groups) * kLanes + threadIdx.x;
  Wide<T> sum = 0;
  if (i < inner)
    for (int64_t tile = threadIdx.y; tile < tiles; tile += blockDim.y) sum += parts[(outer * tiles + tile) * inner + i];
  rows[threadIdx.y * kLanes + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y == 0 && i < inner)
    sums[outer * inner + i] = static_cast<T>(sum_of(rows + threadIdx.x, blockDim.y, kLanes));
}

template <class T>
void add_up(const Place& place, const Tensor& parts, const Tensor& sums, int64_t outer, int64_t inner) {
  const int64_t tiles = parts.numel() / (outer * inner);
  const unsigned rows = static_cast<unsigned>(least<int64_t>(ceil_div<int64_t>(tiles, 4), 16));
  place.launch(sum_tiles<T>, outer * ceil_div<int64_t>(inner, kLanes), dim3(kLanes, rows),
               piece<Wide<T>>(kLanes * rows), static_cast<const Wide<T>*>(read<Wide<T>>(parts)), written<T>(sums), tiles,
               inner);
}

// Whether memory holds the pictures row by row, channels last, or in an order of another kind.
enum class Order { contiguous, channels_last, other };

Order order_of(const Tensor& x) {
  const int64_t c = x.size(1), h = x.size(2), w = x.size(3);
  const int64_t contiguous[] = {c * h * w, h * w, w, 1}, channels_last[] = {h * w * c, 1, w * c, c};
  bool is_contiguous = true, is_last = true;
  for (int64_t d = 0; d < 4; ++d) {
    if (x.size(d) == 1) continue;
    is_contiguous = is_contiguous && x.stride(d) == contiguous[d];
    is_last = is_last && x.stride(d) == channels_last[d];
  }
  return is_contiguous ? Order::contiguous : is_last ? Order::channels_last : Order::other;
}

// A tensor for results of x's shape in an order that the kernels know.
Tensor workable(const Tensor& like) {
  return order_of(like) == Order::other ? new_sized(like, sizes_of(like), like.scalar_type()) : like;
}

Pictures pictures_of(const Tensor& x) {
  return {order_of(x) == Order::channels_last, x.size(1), x.size(2) * x.size(3)};
}

std::optional<Tensor> contiguous(const std::optional<Tensor>& x) {
  return x ? std::optional<Tensor>(torch::stable::contiguous(*x)) : x;
}

void check_pictures(const Tensor& x, const std::optional<Tensor>& scale) {
  STD_TORCH_CHECK(on_device(x), "synthesis_epilogue: x is on another kind of device than this kernel");
  STD_TORCH_CHECK(x.dim() == 4, "synthesis_epilogue: x of shape ", shape_of(x), " is not [N, C, H, W]");
  if (scale) check_like("synthesis_epilogue", "scale", *scale, x, {x.size(0), x.size(1)});
}

Tensor synthesis_epilogue(const Tensor& x, const std::optional<Tensor>& scale, const std::optional<Tensor>& noise,
                          const Tensor& b, double alpha, double gain, std::optional<double> clamp) {
  check_pictures(x, scale);
  check_like("synthesis_epilogue", "b", b, x, {x.size(1)});
  const bool shared_noise = noise && noise->dim() > 0 && noise->size(0) == 1;
  if (noise)
    check_like("synthesis_epilogue", "noise", *noise, x, {shared_noise ? 1 : x.size(0), 1, x.size(2), x.size(3)});
  Tensor y = new_like(x);
  if (y.numel() == 0) return y;
  const Tensor out = workable(y), in = laid_out(x, out), biases = torch::stable::contiguous(b);
  const auto scales = contiguous(scale), noises = contiguous(noise);
  const Pictures shape = pictures_of(out);
  with_type_of("synthesis_epilogue", x, [&](auto number) {
    using T = decltype(number);
    constexpr int n = kPackSize<T>;
    const Inputs<T> inputs{read<T>(in), read<T>(scales), read<T>(noises), read<T>(biases),
                           shared_noise ? 0 : shape.pixels};
    const bool packs = shape.columns.by % n == 0 && aligned(inputs.x) && aligned(inputs.scale) &&
                       aligned(inputs.noise) && aligned(inputs.b) && aligned(written<T>(out));
    const int64_t blocks = blocks_for(out.numel() / (packs ? n : 1), kThreads);
    Place(x).launch(packs ? forward_kernel<T, n> : forward_kernel<T, 1>, blocks, kThreads, 0, inputs, written<T>(out),
                    out.numel(), shape, act_options<T>(alpha, gain, clamp));
  });
  if (out.get() != y.get()) torch::stable::copy_(y, out);
  return y;
}

// The results of the backward, in one piece each.
struct Results {
  Tensor dx, d_scale, d_noise, db;

  void zero() {
    for (Tensor* result : {&dx, &d_scale, &d_noise, &db}) torch::stable::zero_(*result);
  }
};

template <class T>
void differentiate(const Results& to, const Tensor& dy, const Tensor& y, const Tensor& x,
                   const std::optional<Tensor>& scale, bool has_noise, ActOptions<Wide<T>> options) {
  const Pictures shape = pictures_of(to.dx);
  const ScalarType wide = std::is_same_v<T, double> ? ScalarType::Double : ScalarType::Float;
  const int64_t samples = x.size(0), row_tiles = ceil_div<int64_t>(shape.rows.by, kTileRows);
  const int64_t column_tiles = ceil_div<int64_t>(shape.columns.by, kTileColumns<T>);
  const Tensor row_sums = new_sized(x, {samples, column_tiles, shape.rows.by}, wide);
  const Tensor column_sums = new_sized(x, {samples, row_tiles, shape.columns.by}, wide);
  const Tensor& channel_sums = shape.channels_last ? column_sums : row_sums;
  const Tensor& pixel_sums = shape.channels_last ? row_sums : column_sums;
  const Tensor product_sums = new_sized(x, scale ? sizes_of(channel_sums) : std::vector<int64_t>{0}, wide);
  Gradients<T> g{read<T>(dy), read<T>(y), read<T>(x), read<T>(scale), written<T>(to.dx), written<Wide<T>>(row_sums),
                 written<Wide<T>>(column_sums), scale ? written<Wide<T>>(product_sums) : nullptr, false};
  if (!has_noise) (shape.channels_last ? g.row_sums : g.column_sums) = nullptr;
  // In packs few columns would leave most lanes idle.
  g.packs = shape.columns.by % kPackSize<T> == 0 && 2 * shape.columns.by >= kTileColumns<T> && aligned(g.dy) && aligned(g.y) && aligned(g.x) && aligned(g.scale) &&
            aligned(g.dx);
  const Place place(x);
  place.launch(shape.channels_last ? backward_kernel<T, true> : backward_kernel<T, false>,
               samples * row_tiles * column_tiles, dim3(kLanes, kWarps), TileSums<T>::bytes(shape.channels_last), g,
               shape, options);
  add_up<T>(place, channel_sums, to.db, 1, shape.channels);
  if (scale) add_up<T>(place, product_sums, to.d_scale, samples, shape.channels);
  if (has_noise) add_up<T>(place, pixel_sums, to.d_noise, samples, shape.pixels);
}

std::tuple<Tensor, Tensor, Tensor, Tensor> synthesis_epilogue_backward(
    const Tensor& dy, const Tensor& y, const Tensor& x, const std::optional<Tensor>& scale, bool has_noise,
    double alpha, double gain, std::optional<double> clamp) {
  check_pictures(x, scale);
  check_like("synthesis_epilogue", "dy", dy, x, sizes_of(x));
  check_like("synthesis_epilogue", "y", y, x, sizes_of(x));
  const auto noise_sizes = has_noise ? std::vector<int64_t>{x.size(0), 1, x.size(2), x.size(3)} : std::vector<int64_t>{0};
  const auto scale_sizes = scale ? sizes_of(*scale) : std::vector<int64_t>{0};
  Tensor dx = new_like(x);
  Results to{workable(dx), new_sized(x, scale_sizes, x.scalar_type()), new_sized(x, noise_sizes, x.scalar_type()),
             new_sized(x, {x.size(1)}, x.scalar_type())};
  if (x.numel() == 0) {
    to.zero();
  } else {
    with_type_of("synthesis_epilogue", x, [&](auto number) {
      using T = decltype(number);
      differentiate<T>(to, laid_out(dy, to.dx), laid_out(y, to.dx), laid_out(x, to.dx), contiguous(scale), has_noise,
                       act_options<T>(alpha, gain, clamp));
    });
  }
  if (to.dx.get() != dx.get()) torch::stable::copy_(dx, to.dx);
  if (scale) to.d_scale = laid_out(to.d_scale, torch::stable::empty_like(*scale));
  return {dx, to.d_scale, to.d_noise, to.db};
}

}  // namespace
}  // namespace kaokore::synthesis_epilogue_cuda

KAOKORE_OPERATORS(m) {
  m.impl("synthesis_epilogue", TORCH_BOX(&kaokore::synthesis_epilogue_cuda::synthesis_epilogue));
  m.impl("synthesis_epilogue_backward", TORCH_BOX(&kaokore::synthesis_epilogue_cuda::synthesis_epilogue_backward));
}
