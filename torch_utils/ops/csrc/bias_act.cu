// bias_act and its derivatives on the GPU: one pass over memory, 16 bytes at a time where pointers allow.
// torch_utils/ops/bias_act.py is the specification.
//
// The bias's gradient is summed in the pass that writes that of x, which saves reading it again. Each block sums up what
// it wrote, a second kernel adds the blocks' sums; all in an order that is always the same, so that results repeat to
// the last bit (no atomics).

#include "device.cuh"

namespace kaokore::bias_act_cuda {
namespace {

// Where the bias of an element lies, told from the element's place in memory: (i / stride) % size.
struct Bias {
  Divisor stride, size;
  bool consecutive = false;  // whether neighbours in memory have neighbouring biases, or else the same

  KAOKORE_HD int64_t at(int64_t i) const { return size.remainder(stride.quotient(i)); }
};

enum class Kind { value, slope_by_input, slope_by_output };

// x becomes the result; b is added to it first. dy is read by derivatives only.
template <Kind K, Act A, int N, class W>
__device__ void compute(const W (&dy)[N], W (&x)[N], const W (&b)[N], ActOptions<W> options) {
#pragma unroll
  for (int j = 0; j < N; ++j)
    x[j] = K == Kind::value ? bias_act_value<A>(x[j] + b[j], options)
                            : bias_act_slope<A, K == Kind::slope_by_output>(dy[j], x[j] + b[j], options);
}

// The networks' own activation is known to the compiler. The others (A unknown) share a kernel, which costs a jump for
// each pack and spares most of the time that compiling takes.
template <bool Derivative, Act A>
struct Function {
  static constexpr bool kDerivative = Derivative;
  Act act;
  bool by_output;

  template <int N, class W>
  __device__ void operator()(const W (&dy)[N], W (&x)[N], const W (&b)[N], ActOptions<W> options) const {
    constexpr Kind usual = Derivative ? Kind::slope_by_output : Kind::value;
    if constexpr (A != Act::unknown) {
      compute<usual, A>(dy, x, b, options);
    } else {
      const bool output = by_output;
      for_act(act, [&](auto a) {
        constexpr Act kAct = a;
        if constexpr (Derivative) {
          if constexpr (is_straight(kAct))
            if (output) return compute<Kind::slope_by_output, kAct>(dy, x, b, options);
          compute<Kind::slope_by_input, kAct>(dy, x, b, options);
        } else {
          compute<Kind::value, kAct>(dy, x, b, options);
        }
      });
    }
  }
};

// What single elements go through, where packs do not fit: rare enough for one kernel to do for every activation.
template <class F>
using AnyOf = Function<F::kDerivative, Act::unknown>;

template <class T>
struct Pointers {
  const T *dy, *x, *b;
  T* y;
};

// N neighbours from element i on, whose biases are neighbours or the same.
template <int N, class T>
struct Elements {
  int64_t i;
  Fetched<N, T> x, dy, b;

  __device__ Elements(const Pointers<T>& p, int64_t i, const Bias& bias) : i(i) {
    x.fetch(p.x + i);
    if (p.dy) dy.fetch(p.dy + i);
    if (p.b) b.fetch(p.b + bias.at(i), bias.consecutive);
  }

  // The results stay in `numbers` too.
  template <class F>
  __device__ void apply(const F& function, T* y, ActOptions<Wide<T>> options, Wide<T> (&numbers)[N]) const {
    Wide<T> slopes[N], added[N];
    x.unpack(numbers), dy.unpack(slopes), b.unpack(added);
    function(slopes, numbers, added, options);
    store(y + i, numbers);
  }
};

// Elements first, first + step, … before end; each(numbers) is called with every result.
template <int N, class F, class T, class Each>
__device__ void apply_all(const F& function, const Pointers<T>& p, int64_t first, int64_t step, int64_t end,
                          const Bias& bias, ActOptions<Wide<T>> options, const Each& each) {
  Wide<T> numbers[N];
  for (int64_t i = first; i < end; i += step) {
    Elements<N, T>(p, i, bias).apply(function, p.y, options, numbers);
    each(numbers);
  }
}

constexpr int64_t kStretch = 8192;  // elements that a block takes
constexpr int64_t kFewestRows = 64, kMostRows = 512;  // that a block takes
constexpr int64_t kBlocksWanted = 2048;               // enough for every card; beyond it, longer blocks

// Sum of the numbers of all threads of a block, of which there are a power of two; known to the first.
template <class W>
__device__ W block_sum(W* shared, W number) {
  shared[threadIdx.x] = number;
  for (unsigned half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
  }
  return shared[0];
}

// Memory as planes: each block takes a stretch of one. Their sums go to [planes, stretches], unless that is null.
template <int N, class T, class F>
__global__ void stretches(F function, Pointers<T> p, Wide<T>* sums, int64_t length, int64_t stretches_a_plane,
                          Bias bias, ActOptions<Wide<T>> options) {
  const int64_t plane = blockIdx.x / stretches_a_plane;
  const int64_t from = (blockIdx.x - plane * stretches_a_plane) * kStretch;
  const int64_t end = plane * length + least(length, from + kStretch);
  Wide<T> sum = 0;
  apply_all<N>(function, p, plane * length + from + threadIdx.x * N, blockDim.x * N, end, bias, options,
               [&](const Wide<T>(&numbers)[N]) {
#pragma unroll
                 for (int j = 0; j < N; ++j) sum += numbers[j];
               });
  if (F::kDerivative && sums) {
    Shared shared;
    const Wide<T> total = block_sum(shared.take<Wide<T>>(blockDim.x), sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = total;
  }
}

// Memory as rows, a bias for each column: each block takes some rows of some columns, `across` threads a row. The sums of
// its columns go to [row tiles, columns].
template <int N, class T, class F>
__global__ void columns(F function, Pointers<T> p, Wide<T>* sums, int64_t rows, int64_t columns, int64_t rows_a_tile,
                        int across, Bias bias, ActOptions<Wide<T>> options) {
  Shared shared;
  Wide<T>* partial = shared.take<Wide<T>>(blockDim.x * N);
  const int64_t tiles = ceil_div<int64_t>(columns, across * N), row_tile = blockIdx.x / tiles;
  const int64_t first = (blockIdx.x - row_tile * tiles) * across * N;
  const int rows_at_once = blockDim.x / across, line = threadIdx.x / across, place = threadIdx.x - line * across;
  const int64_t column = first + place * N, end = least(rows, (row_tile + 1) * rows_a_tile);
  Wide<T> mine[N] = {};
  if (line < rows_at_once && column < columns)
    apply_all<N>(function, p, (row_tile * rows_a_tile + line) * columns + column, rows_at_once * columns,
                 end * columns, bias, options, [&](const Wide<T>(&numbers)[N]) {
#pragma unroll
                   for (int j = 0; j < N; ++j) mine[j] += numbers[j];
                 });
#pragma unroll
  for (int j = 0; j < N; ++j) partial[j * blockDim.x + threadIdx.x] = mine[j];
  __syncthreads();
  for (int i = threadIdx.x; i < across * N; i += blockDim.x) {
    if (first + i >= columns) break;
    const Wide<T>* mates = partial + i % N * blockDim.x + i / N;
    Wide<T> sum = 0;
    for (int k = 0; k < rows_at_once; ++k) sum += mates[k * across];
    sums[row_tile * columns + first + i] = sum;
  }
}

// Each block adds up the parts of one bias; they are [outer, biases, inner].
template <class T>
__global__ void sum_parts(const Wide<T>* parts, T* sums, int64_t outer, int64_t inner) {
  Shared shared;
  Wide<T>* partial = shared.take<Wide<T>>(blockDim.x);
  Wide<T> sum = 0;
  for (int64_t o = threadIdx.x; o < outer; o += blockDim.x)
    for (int64_t i = 0; i < inner; ++i) sum += parts[(o * gridDim.x + blockIdx.x) * inner + i];
  const Wide<T> total = block_sum(partial, sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = static_cast<T>(total);
}

// What a call needs, checked; its tensors lie in memory alike.
struct Call {
  const Tensor *dy, &x;
  const std::optional<Tensor>& b;
  const Tensor& y;
  int64_t dim;
  double alpha, gain;
  std::optional<double> clamp;
};

Bias bias_along(const Tensor& y, int64_t dim) {
  const int64_t size = y.size(dim);
  const int64_t stride = size == 1 ? y.numel() : y.stride(dim);  // torch leaves the stride of a single element open
  return {Divisor(stride), Divisor(size), stride == 1};
}

template <class T>
Pointers<T> pointers_of(const Call& call) {
  return {call.dy ? read<T>(*call.dy) : nullptr, read<T>(call.x), read<T>(call.b), written<T>(call.y)};
}

// Whether packs of neighbours may be loaded, and meet biases that are all the same, or a pack of them.
template <class T>
bool fits_packs(const Call& call, const Pointers<T>& p, const Bias& bias) {
  constexpr int n = kPackSize<T>;
  if (!aligned(p.dy) || !aligned(p.x) || !aligned(p.y) || call.y.numel() % n) return false;
  return bias.consecutive ? bias.size.by % n == 0 && aligned(p.b) : bias.stride.by % n == 0;
}

template <class T, class F>
void run(const F& function, const Call& call) {
  const Pointers<T> p = pointers_of<T>(call);
  const int64_t count = call.y.numel(), blocks = ceil_div<int64_t>(count, kStretch);
  const Bias bias = p.b ? bias_along(call.y, call.dim) : Bias{Divisor(count), Divisor(1)};
  const auto launch = [&](auto kernel, auto f) {
    Place(call.x).launch(kernel, blocks, kThreads, 0, f, p, static_cast<Wide<T>*>(nullptr), count, blocks, bias,
                         act_options<T>(call.alpha, call.gain, call.clamp));
  };
  if (fits_packs(call, p, bias))
    launch(stretches<kPackSize<T>, T, F>, function);
  else
    launch(stretches<1, T, AnyOf<F>>, AnyOf<F>{function.act, function.by_output});
}

// The power of two from 32 to kThreads that is enough, or the largest.
unsigned threads_for(int64_t items) {
  unsigned threads = 32;
  while (threads < kThreads && threads < items) threads *= 2;
  return threads;
}

template <class T>
void add_up(const Place& place, const Tensor& parts, const Tensor& db, int64_t outer, int64_t inner) {
  const unsigned threads = threads_for(outer);
  place.launch(sum_parts<T>, db.numel(), threads, piece<Wide<T>>(threads), read<Wide<T>>(parts), written<T>(db), outer,
               inner);
}

template <class T, class F>
void run_gradients(const F& function, const Call& call, const Tensor& db) {
  const Pointers<T> p = pointers_of<T>(call);
  const Bias bias = bias_along(call.y, call.dim);
  const bool packs = fits_packs(call, p, bias);
  const AnyOf<F> any{function.act, function.by_output};
  const auto options = act_options<T>(call.alpha, call.gain, call.clamp);
  const ScalarType wide = std::is_same_v<T, double> ? ScalarType::Double : ScalarType::Float;
  const int64_t channels = bias.size.by, length = bias.stride.by, n = packs ? kPackSize<T> : 1;
  const Place place(call.x);
  if (bias.consecutive) {
    const int64_t rows = call.y.numel() / channels;
    const int across = static_cast<int>(least<int64_t>(ceil_div(channels, n), kThreads));
    const int64_t column_tiles = ceil_div(channels, across * n);
    const int64_t each = least(most(ceil_div(rows * column_tiles, kBlocksWanted), kFewestRows), kMostRows);
    const int64_t row_tiles = ceil_div(rows, each);
    const Tensor parts = new_sized(call.x, {row_tiles, channels}, wide);
    const auto launch = [&](auto kernel, auto f) {
      place.launch(kernel, row_tiles * column_tiles, kThreads, piece<Wide<T>>(kThreads * n), f, p,
                   written<Wide<T>>(parts), rows, channels, each, across, bias, options);
    };
    if (packs)
      launch(columns<kPackSize<T>, T, F>, function);
    else
      launch(columns<1, T, AnyOf<F>>, any);
    add_up<T>(place, parts, db, row_tiles, 1);
  } else {
    const int64_t planes = call.y.numel() / length, each = ceil_div<int64_t>(length, kStretch);
    const unsigned threads = threads_for(ceil_div(length, n));
    const Tensor parts = new_sized(call.x, {planes, each}, wide);
    const auto launch = [&](auto kernel, auto f) {
      place.launch(kernel, planes * each, threads, piece<Wide<T>>(threads), f, p, written<Wide<T>>(parts), length, each,
                   bias, options);
    };
    if (packs)
      launch(stretches<kPackSize<T>, T, F>, function);
    else
      launch(stretches<1, T, AnyOf<F>>, any);
    add_up<T>(place, parts, db, planes / channels, each);
  }
}

// Calls body(a number of the tensors' type, function).
template <bool Derivative, class Body>
void with_function(const Call& call, const std::string& name, bool by_output, Body body) {
  const Act act = act_named(name.c_str());
  STD_TORCH_CHECK(act != Act::unknown, "bias_act: no activation is named ", name);
  const bool usual = !Derivative || by_output;
  with_type_of("bias_act", call.x, [&](auto number) {
    if (usual && act == Act::lrelu) return body(number, Function<Derivative, Act::lrelu>{act, by_output});
    body(number, Function<Derivative, Act::unknown>{act, by_output});
  });
}

// The bias in one piece, checked.
std::optional<Tensor> checked_bias(const Tensor& x, const std::optional<Tensor>& b, int64_t dim) {
  STD_TORCH_CHECK(on_device(x), "bias_act: x is on another kind of device than this kernel");
  if (!b) return b;
  STD_TORCH_CHECK(0 <= dim && dim < x.dim(), "bias_act: x of shape ", shape_of(x), " has no such dim");
  check_like("bias_act", "b", *b, x, {x.size(dim)});
  return torch::stable::contiguous(*b);
}

int64_t counted(int64_t dim, const Tensor& x) { return dim < 0 ? dim + x.dim() : dim; }

Tensor bias_act(const Tensor& x, const std::optional<Tensor>& b, int64_t dim, StringHandle act_given, double alpha,
                double gain, std::optional<double> clamp) {
  const std::string act = taken(act_given);
  dim = counted(dim, x);
  const auto bias = checked_bias(x, b, dim);
  const Tensor y = new_like(x);
  if (y.numel() == 0) return y;
  const Tensor in = laid_out(x, y);
  const Call call{nullptr, in, bias, y, dim, alpha, gain, clamp};
  with_function<false>(call, act, false, [&](auto t, auto function) { run<decltype(t)>(function, call); });
  return y;
}

// Writes dx, and where it is asked for, db.
Tensor differentiate(const Tensor& dy, const Tensor& seen, const std::optional<Tensor>& b, int64_t dim,
                     const std::string& act, double alpha, double gain, std::optional<double> clamp, const Tensor* db) {
  const bool by_output = reads_output(act_named(act.c_str()), alpha, gain);
  const auto bias = checked_bias(seen, by_output ? std::nullopt : b, dim);
  check_like("bias_act", "dy", dy, seen, sizes_of(seen));
  const Tensor dx = new_like(seen);
  if (dx.numel() == 0) return dx;
  const Tensor in = laid_out(seen, dx), slopes = laid_out(dy, dx);
  const Call call{&slopes, in, bias, dx, dim, alpha, gain, clamp};
  with_function<true>(call, act, by_output, [&](auto t, auto function) {
    db ? run_gradients<decltype(t)>(function, call, *db) : run<decltype(t)>(function, call);
  });
  return dx;
}

Tensor bias_act_backward(const Tensor& dy, const Tensor& seen, const std::optional<Tensor>& b, int64_t dim,
                         StringHandle act, double alpha, double gain, std::optional<double> clamp) {
  return differentiate(dy, seen, b, counted(dim, seen), taken(act), alpha, gain, clamp, nullptr);
}

std::tuple<Tensor, Tensor> bias_act_gradients(const Tensor& dy, const Tensor& seen, const std::optional<Tensor>& b,
                                              int64_t dim, StringHandle act_given, double alpha, double gain,
                                              std::optional<double> clamp) {
  const std::string act = taken(act_given);
  dim = counted(dim, seen);
  STD_TORCH_CHECK(0 <= dim && dim < seen.dim(), "bias_act: x of shape ", shape_of(seen), " has no such dim");
  const Tensor db = new_sized(seen, {seen.size(dim)}, seen.scalar_type());
  const Tensor dx = differentiate(dy, seen, b, dim, act, alpha, gain, clamp, &db);
  if (dx.numel() == 0) torch::stable::zero_(const_cast<Tensor&>(db));
  return {dx, db};
}

}  // namespace
}  // namespace kaokore::bias_act_cuda

KAOKORE_OPERATORS(m) {
  m.impl("bias_act", TORCH_BOX(&kaokore::bias_act_cuda::bias_act));
  m.impl("bias_act_backward", TORCH_BOX(&kaokore::bias_act_cuda::bias_act_backward));
  m.impl("bias_act_gradients", TORCH_BOX(&kaokore::bias_act_cuda::bias_act_gradients));
}
