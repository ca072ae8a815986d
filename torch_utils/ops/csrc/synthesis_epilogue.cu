// The synthesis epilogue and its derivatives on the GPU; torch_utils/ops/synthesis_epilogue.py is the specification.
//
// The backward reads dy, y and x once. Each block sums its tile of a picture along both sides, rows by exchange between
// lanes and columns through shared memory; a second kernel adds the tiles' sums up. The order of all additions is fixed,
// so that results repeat to the last bit (no atomics).

#include "tile_sums.cuh"

namespace kaokore::synthesis_epilogue_cuda {
namespace {

constexpr int kLanes = 32, kWarps = 8;
// Blocks of a multiprocessor at once; where more are aimed at, ptxas spills registers.
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 1200
constexpr int kBlocksAtOnce = 3;
#else
constexpr int kBlocksAtOnce = 4;
#endif
constexpr int kTurns = 8;         // rows that a lane takes, one after the other

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

// N neighbours from element i on.
template <int N, bool ChannelsLast, class T>
__device__ void epilogue(const Inputs<T>& in, T* y, int64_t i, const Pictures& shape, ActOptions<Wide<T>> options) {
  const int64_t line = shape.columns.quotient(i), column = i - line * shape.columns.by;
  const int64_t sample = shape.rows.quotient(line), row = line - sample * shape.rows.by;
  const int64_t channel = ChannelsLast ? column : row, pixel = ChannelsLast ? row : column;
  Fetched<N, T> x, scale, noise, b;
  x.fetch(in.x + i);
  b.fetch(in.b + channel, ChannelsLast);
  if (in.noise) noise.fetch(in.noise + sample * in.noise_stride + pixel, !ChannelsLast);
  if (in.scale) scale.fetch(in.scale + sample * shape.channels + channel, ChannelsLast);
  Wide<T> values[N], factors[N], noises[N], biases[N];
  x.unpack(values), scale.unpack(factors), noise.unpack(noises), b.unpack(biases);
#pragma unroll
  for (int j = 0; j < N; ++j) {
    if (in.scale) values[j] *= factors[j];
    values[j] = bias_act_value<Act::lrelu>(values[j] + noises[j] + biases[j], options);
  }
  store(y + i, values);
}

template <class T, int N, bool ChannelsLast>
__global__ void forward_kernel(Inputs<T> in, T* y, int64_t count, Pictures shape, ActOptions<Wide<T>> options) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x * N;
  for (int64_t i = (static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * N; i < count; i += step)
    epilogue<N, ChannelsLast>(in, y, i, shape, options);
}

// The kernel for packs of N, where the pictures lie as they do.
template <int N, class T>
void run_forward(const Place& place, const Inputs<T>& in, const Tensor& y, const Pictures& shape,
                 ActOptions<Wide<T>> options) {
  const auto kernel = shape.channels_last ? forward_kernel<T, N, true> : forward_kernel<T, N, false>;
  place.launch(kernel, blocks_for(y.numel() / N, kThreads), kThreads, 0, in, written<T>(y), y.numel(), shape, options);
}

template <class T>
struct Gradients {
  const T *dy, *y, *x, *scale;  // without a scale x is not read
  T* dx;
  // Of a tile's rows, [N, column tiles, rows], and columns, [N, row tiles, columns]; of dz, and of dz * x, which belongs
  // to the channels.
  Sums<T> rows, columns, products;
};

// How a block's tile is shared out: each lane takes N neighbouring columns, `across` lanes (a power of two) a row, and
// the warps so many rows at once as are left lanes for.
struct Tiling {
  int across, columns, rows_at_once, rows;
  int64_t row_tiles, column_tiles;

  Tiling(const Pictures& shape, int n) : across(1) {
    while (across < kLanes && across * n < shape.columns.by) across *= 2;
    columns = across * n;
    rows_at_once = kLanes / across * kWarps;
    rows = rows_at_once * kTurns;
    row_tiles = ceil_div<int64_t>(shape.rows.by, rows);
    column_tiles = ceil_div<int64_t>(shape.columns.by, columns);
  }
};

// A lane's place in its tile, and the tile's in its picture.
struct Spot {
  int64_t sample, row_tile, column_tile, column;
  int line, place;

  template <int N>
  __device__ Spot(const Tiling& tiling, std::integral_constant<int, N>) {
    const unsigned row_of_tiles = blockIdx.x / static_cast<unsigned>(tiling.column_tiles);
    column_tile = blockIdx.x - row_of_tiles * tiling.column_tiles;
    sample = row_of_tiles / static_cast<unsigned>(tiling.row_tiles);
    row_tile = row_of_tiles - sample * tiling.row_tiles;
    const int thread = threadIdx.y * kLanes + threadIdx.x;
    line = thread / tiling.across, place = thread % tiling.across;
    column = column_tile * tiling.columns + place * N;
  }
};

// dz of one lane's columns in one row, and dx; adds to the lane's sums of its columns. Returns the lane's sums of the row:
// of dz, and of dz * x.
template <int N, bool ChannelsLast, class T>
__device__ Pack<Wide<T>, 2> differentiate_row(const Gradients<T>& g, int64_t at, const Wide<T> (&scale)[N],
                                              Wide<T> (&column_sums)[N], Wide<T> (&column_products)[N],
                                              ActOptions<Wide<T>> options) {
  Fetched<N, T> dy_there, y_there, x_there;
  dy_there.fetch(g.dy + at);
  y_there.fetch(g.y + at);
  if (g.scale) x_there.fetch(g.x + at);
  Wide<T> dz[N], y[N], x[N], sum = 0, product_sum = 0;
  dy_there.unpack(dz), y_there.unpack(y), x_there.unpack(x);
#pragma unroll
  for (int j = 0; j < N; ++j) {
    dz[j] = epilogue_slope(dz[j], y[j], options);
    const Wide<T> product = dz[j] * x[j];
    sum += dz[j];
    column_sums[j] += dz[j];
    if (ChannelsLast) column_products[j] += product;
    else product_sum += product;
    if (g.scale) dz[j] *= scale[j];
  }
  store(g.dx + at, dz);
  return {sum, product_sum};
}

// The sums that all lanes of a block hold of their columns, to the tile's place in `sums`.
template <int N, class T, class W = Wide<T>>
__device__ void add_columns(W* shared, const W (&mine)[N], const Sums<T>& sums, const Spot& spot, const Tiling& tiling,
                            int64_t columns) {
  const int thread = threadIdx.y * kLanes + threadIdx.x;
#pragma unroll
  for (int j = 0; j < N; ++j) shared[j * kLanes * kWarps + thread] = mine[j];
  __syncthreads();
  const int64_t to = (spot.sample * tiling.row_tiles + spot.row_tile) * columns + spot.column_tile * tiling.columns;
  for (int c = thread; c < tiling.columns; c += kLanes * kWarps) {
    if (spot.column_tile * tiling.columns + c >= columns) break;
    const W* mates = shared + c % N * kLanes * kWarps + c / N;
    W sum = 0;
    for (int k = 0; k < tiling.rows_at_once; ++k) sum += mates[k * tiling.across];
    sums.put(to + c, sum);
  }
}

template <int N, bool ChannelsLast, class T>
__global__ void __launch_bounds__(kLanes * kWarps, kBlocksAtOnce)
    backward_kernel(Gradients<T> g, Pictures shape, Tiling tiling, ActOptions<Wide<T>> options) {
  Shared shared;
  const Spot spot(tiling, std::integral_constant<int, N>());
  const int64_t rows = shape.rows.by, columns = shape.columns.by, first_row = spot.row_tile * tiling.rows;
  const bool inside = spot.column < columns;
  Wide<T> column_sums[N] = {}, column_products[N] = {}, scale[N] = {};
  if (ChannelsLast && g.scale && inside) {
    Fetched<N, T> there;
    there.fetch(g.scale + spot.sample * shape.channels + spot.column);
    there.unpack(scale);
  }
  for (int64_t above = first_row; above < least(rows, first_row + tiling.rows); above += tiling.rows_at_once) {
    const int64_t row = above + spot.line;
    Pack<Wide<T>, 2> sums = {};
    if (inside && row < rows) {
      if (!ChannelsLast && g.scale) {
        const Wide<T> same = static_cast<Wide<T>>(g.scale[spot.sample * shape.channels + row]);
#pragma unroll
        for (int j = 0; j < N; ++j) scale[j] = same;
      }
      sums = differentiate_row<N, ChannelsLast>(g, (spot.sample * rows + row) * columns + spot.column, scale,
                                                column_sums, column_products, options);
    }
    const int64_t to = (spot.sample * tiling.column_tiles + spot.column_tile) * rows + row;
    const bool writes = spot.place == 0 && row < rows;
    if (g.rows.asked()) {
      const Wide<T> sum = lanes_sum(sums.at[0], tiling.across);
      if (writes) g.rows.put(to, sum);
    }
    if (!ChannelsLast && g.products.asked()) {
      const Wide<T> sum = lanes_sum(sums.at[1], tiling.across);
      if (writes) g.products.put(to, sum);
    }
  }
  constexpr int count = N * kLanes * kWarps;
  if (g.columns.asked()) add_columns(shared.take<Wide<T>>(count), column_sums, g.columns, spot, tiling, columns);
  if (ChannelsLast && g.products.asked())
    add_columns(shared.take<Wide<T>>(count), column_products, g.products, spot, tiling, columns);
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
    const auto run = packs ? run_forward<n, T> : run_forward<1, T>;
    run(Place(x), inputs, out, shape, act_options<T>(alpha, gain, clamp));
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

template <int N, class T>
void differentiate_packs(const Results& to, const Pictures& shape, Gradients<T> g, int64_t samples, bool has_noise,
                         ActOptions<Wide<T>> options) {
  const Tiling tiling(shape, N);
  const bool last = shape.channels_last;
  const int64_t channel_tiles = last ? tiling.row_tiles : tiling.column_tiles;
  const int64_t pixel_tiles = last ? tiling.column_tiles : tiling.row_tiles;
  TileSums<T> channels(to.db, 1, samples * channel_tiles, shape.channels);
  std::optional<TileSums<T>> products, pixels;
  if (g.scale) products.emplace(to.d_scale, samples, channel_tiles, shape.channels);
  if (has_noise) pixels.emplace(to.d_noise, samples, pixel_tiles, shape.pixels);
  (last ? g.columns : g.rows) = channels.sums();
  if (pixels) (last ? g.rows : g.columns) = pixels->sums();
  if (products) g.products = products->sums();
  const Place place(to.dx);
  const size_t bytes = piece<Wide<T>>(N * kLanes * kWarps) * (last ? 2 : 1);
  place.launch(last ? backward_kernel<N, true, T> : backward_kernel<N, false, T>,
               samples * tiling.row_tiles * tiling.column_tiles, dim3(kLanes, kWarps), bytes, g, shape, tiling, options);
  channels.add_up(place);
  if (products) products->add_up(place);
  if (pixels) pixels->add_up(place);
}

template <class T>
void differentiate(const Results& to, const Tensor& dy, const Tensor& y, const Tensor& x,
                   const std::optional<Tensor>& scale, bool has_noise, ActOptions<Wide<T>> options) {
  const Pictures shape = pictures_of(to.dx);
  const Gradients<T> g{read<T>(dy), read<T>(y), read<T>(x), read<T>(scale), written<T>(to.dx), {}, {}, {}};
  const bool packs = shape.columns.by % kPackSize<T> == 0 && aligned(g.dy) && aligned(g.y) && aligned(g.x) &&
                     aligned(g.scale) && aligned(g.dx);
  const auto run = packs ? differentiate_packs<kPackSize<T>, T> : differentiate_packs<1, T>;
  run(to, shape, g, x.size(0), has_noise, options);
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
