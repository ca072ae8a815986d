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

template <class T>
struct Pointers {
  const T *dy, *x, *b;
  T* y;
};

// What one thread works on at a time: up to kPackSize elements, neighbours or `step` apart, none of them from `end` on.
struct Elements {
  int64_t first, step, end;

  template <class T>
  __device__ bool are_pack() const {  // one that may be loaded as such if neighbours may be
    return step == 1 && first + kPackSize<T> <= end;
  }
};

template <class T>
__device__ void load_elements(const T* from, const Elements& at, bool packs, Wide<T> (&loaded)[kPackSize<T>]) {
  if (packs && at.are_pack<T>()) return load(from + at.first, true, loaded);
#pragma unroll
  for (int j = 0; j < kPackSize<T>; ++j) {
    const int64_t i = at.first + j * at.step;
    loaded[j] = i < at.end ? static_cast<Wide<T>>(from[i]) : Wide<T>(0);
  }
}

template <class T>
__device__ void load_biases(const T* b, const Elements& at, const Bias& bias, bool packs,
                            Wide<T> (&loaded)[kPackSize<T>]) {
  if (packs && at.are_pack<T>()) return load(b + bias.at(at.first), bias.consecutive, loaded);
#pragma unroll
  for (int j = 0; j < kPackSize<T>; ++j) {
    const int64_t i = at.first + j * at.step;
    loaded[j] = i < at.end ? static_cast<Wide<T>>(b[bias.at(i)]) : Wide<T>(0);
  }
}

template <class T>
__device__ void store_elements(T* to, const Elements& at, bool packs, const Wide<T> (&numbers)[kPackSize<T>]) {
  if (packs && at.are_pack<T>()) return store(to + at.first, numbers);
#pragma unroll
  for (int j = 0; j < kPackSize<T>; ++j) {
    const int64_t i = at.first + j * at.step;
    if (i < at.end) to[i] = static_cast<T>(numbers[j]);
  }
}

// The results stay in `numbers` too; 0 for derivatives of elements that do not exist.
template <class F, class T>
__device__ void apply(const F& function, const Pointers<T>& p, const Elements& at, const Bias& bias, bool packs,
                      ActOptions<Wide<T>> options, Wide<T> (&numbers)[kPackSize<T>]) {
  Wide<T> slopes[kPackSize<T>] = {}, added[kPackSize<T>] = {};
  load_elements(p.x, at, packs, numbers);
  if (F::kDerivative) load_elements(p.dy, at, packs, slopes);
  if (p.b) load_biases(p.b, at, bias, packs, added);
  function(slopes, numbers, added, options);
  store_elements(p.y, at, packs, numbers);
}

constexpr int64_t kStretch = 8192;  // elements that a block takes
constexpr int64_t kRows = 64;       // rows that a block takes

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
template <class T, class F>
__global__ void stretches(F function, Pointers<T> p, Wide<T>* sums, int64_t length, int64_t stretches_a_plane,
                          bool packs, Bias bias, ActOptions<Wide<T>> options) {
  const int64_t plane = blockIdx.x / stretches_a_plane;
  const int64_t from = (blockIdx.x - plane * stretches_a_plane) * kStretch;
  const int64_t end = plane * length + least(length, from + kStretch), each = packs ? kPackSize<T> : 1;
  Wide<T> numbers[kPackSize<T>], sum = 0;
  for (int64_t tile = plane * length + from; tile < end; tile += blockDim.x * kPackSize<T>) {
    const Elements at{tile + threadIdx.x * each, packs ? 1 : blockDim.x, end};
    apply(function, p, at, bias, packs, options, numbers);
#pragma unroll
    for (int j = 0; j < kPackSize<T>; ++j) sum += numbers[j];
  }
  if (F::kDerivative && sums) {
    Shared shared;
    const Wide<T> total = block_sum(shared.take<Wide<T>>(blockDim.x), sum);
    if (threadIdx.x == 0) sums[blockIdx.x] = total;
  }
}

// Memory as rows, a bias for each column: each block takes some rows of some columns, `across` threads a row. The sums of
// its columns go to [row tiles, columns].
template <class T, class F>
__global__ void columns(F function, Pointers<T> p, Wide<T>* sums, int64_t rows, int64_t columns, int across,
                        bool packs, Bias bias, ActOptions<Wide<T>> options) {
  constexpr int n = kPackSize<T>;
  Shared shared;
  Wide<T>* partial = shared.take<Wide<T>>(blockDim.x * n);
  const int64_t tiles = ceil_div<int64_t>(columns, across * n), row_tile = blockIdx.x / tiles;
  const int rows_at_once = blockDim.x / across, line = threadIdx.x / across, place = threadIdx.x - line * across;
  const int64_t first = (blockIdx.x - row_tile * tiles) * across * n + place * (packs ? n : 1), step = packs ? 1 : across;
  const int64_t end = least(rows, (row_tile + 1) * kRows);
  Wide<T> numbers[n], mine[n] = {};
  if (line < rows_at_once)
    for (int64_t row = row_tile * kRows + line; row < end; row += rows_at_once) {
      apply(function, p, Elements{row * columns + first, step, (row + 1) * columns}, bias, packs, options, numbers);
#pragma unroll
      for (int j = 0; j < n; ++j) mine[j] += numbers[j];
    }
#pragma unroll
  for (int j = 0; j < n; ++j) partial[j * blockDim.x + threadIdx.x] = mine[j];
  __syncthreads();
  if (line > 0) return;
#pragma unroll
  for (int j = 0; j < n; ++j) {
    if (first + j * step >= columns) break;
    Wide<T> sum = 0;
    for (int k = 0; k < rows_at_once; ++k) sum += partial[j * blockDim.x + k * across + place];
    sums[row_tile * columns + first + j * step] = sum;
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

// Whether a pack of neighbours meets biases that are all the same, or a pack of them.
template <class T>
bool fits_packs(const Bias& bias, const T* b) {
  if (bias.consecutive) return bias.size.by % kPackSize<T> == 0 && aligned(b);
  return bias.stride.by % kPackSize<T> == 0;
}

template <class T>
Pointers<T> pointers_of(const Call& call) {
  return {call.dy ? read<T>(*call.dy) : nullptr, read<T>(call.x), read<T>(call.b), written<T>(call.y)};
}

template <class T>
bool all_aligned(const Pointers<T>& p) {
  return aligned(p.dy) && aligned(p.x) && aligned(p.y);
}

template <class T, class F>
void run(const F& function, const Call& call) {
  const Pointers<T> p = pointers_of<T>(call);
  const int64_t count = call.y.numel(), blocks = ceil_div<int64_t>(count, kStretch);
  const Bias bias = p.b ? bias_along(call.y, call.dim) : Bias{};
  const bool packs = all_aligned(p) && (!p.b || fits_packs(bias, p.b));
  Place(call.x).launch(stretches<T, F>, blocks, kThreads, 0, function, p, static_cast<Wide<T>*>(nullptr), count, blocks,
                       packs, bias, act_options<T>(call.alpha, call.gain, call.clamp));
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
  const bool packs = all_aligned(p) && fits_packs(bias, p.b);
  const auto options = act_options<T>(call.alpha, call.gain, call.clamp);
  const ScalarType wide = std::is_same_v<T, double> ? ScalarType::Double : ScalarType::Float;
  const int64_t channels = bias.size.by, length = bias.stride.by;
  constexpr int64_t n = kPackSize<T>;
  const Place place(call.x);
  if (bias.consecutive) {
    const int64_t rows = call.y.numel() / channels, row_tiles = ceil_div<int64_t>(rows, kRows);
    const int across = static_cast<int>(least<int64_t>(ceil_div<int64_t>(channels, n), kThreads));
    const Tensor parts = new_sized(call.x, {row_tiles, channels}, wide);
    place.launch(columns<T, F>, row_tiles * ceil_div<int64_t>(channels, across * n), kThreads,
                 piece<Wide<T>>(kThreads * n), function, p, written<Wide<T>>(parts), rows, channels, across, packs, bias,
                 options);
    add_up<T>(place, parts, db, row_tiles, 1);
  } else {
    const int64_t planes = call.y.numel() / length, each = ceil_div<int64_t>(length, kStretch);
    const unsigned threads = threads_for(ceil_div<int64_t>(length, n));
    const Tensor parts = new_sized(call.x, {planes, each}, wide);
    place.launch(stretches<T, F>, planes * each, threads, piece<Wide<T>>(threads), function, p,
                 written<Wide<T>>(parts), length, each, packs, bias, options);
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
