// bias_act and its derivative on the GPU: one pass over memory, 16 bytes at a time where pointers allow.
// torch_utils/ops/bias_act.py is the specification.

#include "device.cuh"

namespace kaokore {
namespace {

// Where the bias of an element lies, told from the element's place in memory: (i / stride) % size.
struct Bias {
  Divisor stride, size;
  bool consecutive = false;  // whether neighbours in memory have neighbouring biases, or else the same

  KAOKORE_HD int64_t at(int64_t i) const { return size.remainder(stride.quotient(i)); }
};

template <Act A>
struct Value {
  static constexpr bool kReadsSlopes = false;
  template <class T>
  static KAOKORE_HD T of(T, T x, T b, ActOptions<T> options) {
    return bias_act_value<A>(x + b, options);
  }
};

template <Act A, bool FromOutput>
struct Slope {
  static constexpr bool kReadsSlopes = true;
  template <class T>
  static KAOKORE_HD T of(T dy, T seen, T b, ActOptions<T> options) {
    return bias_act_slope<A, FromOutput>(dy, seen + b, options);
  }
};

// N neighbours from element i on. dy is read by derivatives only.
template <class Function, int N, class T>
__device__ void apply(const T* dy, const T* x, const T* b, T* y, int64_t i, const Bias& bias,
                      ActOptions<Wide<T>> options) {
  Wide<T> numbers[N], slopes[N] = {}, added[N] = {};
  load(x + i, true, numbers);
  if (Function::kReadsSlopes) load(dy + i, true, slopes);
  if (b) load(b + bias.at(i), bias.consecutive, added);
#pragma unroll
  for (int j = 0; j < N; ++j) numbers[j] = Function::of(slopes[j], numbers[j], added[j], options);
  store(y + i, numbers);
}

// The first `packed` elements go in packs, the rest one by one.
template <class T, class Function>
__global__ void elementwise(const T* dy, const T* x, const T* b, T* y, int64_t packed, int64_t count, Bias bias,
                            ActOptions<Wide<T>> options) {
  const int64_t threads = static_cast<int64_t>(gridDim.x) * blockDim.x;
  const int64_t first = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x;
  constexpr int n = kPackSize<T>;
  for (int64_t i = first * n; i < packed; i += threads * n) apply<Function, n>(dy, x, b, y, i, bias, options);
  for (int64_t i = packed + first; i < count; i += threads) apply<Function, 1>(dy, x, b, y, i, bias, options);
}

Bias bias_along(const Tensor& y, int64_t dim) {
  const int64_t size = y.size(dim);
  const int64_t stride = size == 1 ? y.numel() : y.stride(dim);  // torch leaves the stride of a single element open
  return {Divisor(stride), Divisor(size), stride == 1};
}

// Whether a pack of neighbours meets biases that are all the same, or a pack of them.
template <class T>
bool fits_packs(const Bias& bias, const T* b) {
  if (!b) return true;
  return bias.consecutive ? bias.size.by % kPackSize<T> == 0 && aligned(b) : bias.stride.by % kPackSize<T> == 0;
}

struct Options {
  double alpha, gain;
  std::optional<double> clamp;
};

template <class Function>
void run(const Tensor* dy, const Tensor& x, const std::optional<Tensor>& b, const Tensor& y, int64_t dim,
         const Options& options) {
  with_type_of("bias_act", x, [&](auto number) {
    using T = decltype(number);
    const T *slopes = dy ? read<T>(*dy) : nullptr, *in = read<T>(x), *biases = read<T>(b);
    T* out = written<T>(y);
    const int64_t count = y.numel();
    const Bias bias = b ? bias_along(y, dim) : Bias{};
    const bool packs = aligned(slopes) && aligned(in) && aligned(out) && fits_packs(bias, biases);
    const int64_t packed = packs ? count / kPackSize<T> * kPackSize<T> : 0;
    const int64_t blocks = blocks_for(packs ? ceil_div<int64_t>(count, kPackSize<T>) : count, kThreads);
    Place(x).launch(elementwise<T, Function>, blocks, kThreads, 0, slopes, in, biases, out, packed, count, bias,
                    act_options<T>(options.alpha, options.gain, options.clamp));
  });
}

template <class Body>
void with_activation(const std::string& name, Body body) {
  switch (act_named(name.c_str())) {
    case Act::linear: return body(std::integral_constant<Act, Act::linear>());
    case Act::relu: return body(std::integral_constant<Act, Act::relu>());
    case Act::lrelu: return body(std::integral_constant<Act, Act::lrelu>());
    case Act::tanh: return body(std::integral_constant<Act, Act::tanh>());
    case Act::sigmoid: return body(std::integral_constant<Act, Act::sigmoid>());
    case Act::elu: return body(std::integral_constant<Act, Act::elu>());
    case Act::selu: return body(std::integral_constant<Act, Act::selu>());
    case Act::softplus: return body(std::integral_constant<Act, Act::softplus>());
    case Act::swish: return body(std::integral_constant<Act, Act::swish>());
    case Act::unknown: STD_TORCH_CHECK(false, "bias_act: no activation is named ", name);
  }
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

Tensor bias_act(const Tensor& x, const std::optional<Tensor>& b, int64_t dim, const std::string& act, double alpha,
                double gain, std::optional<double> clamp) {
  dim = counted(dim, x);
  const auto bias = checked_bias(x, b, dim);
  const Tensor y = new_like(x);
  if (y.numel() == 0) return y;
  const Tensor in = laid_out(x, y);
  with_activation(act, [&](auto a) { run<Value<a>>(nullptr, in, bias, y, dim, {alpha, gain, clamp}); });
  return y;
}

Tensor bias_act_backward(const Tensor& dy, const Tensor& seen, const std::optional<Tensor>& b, int64_t dim,
                         const std::string& act, double alpha, double gain, std::optional<double> clamp) {
  const bool from_output = reads_output(act_named(act.c_str()), alpha, gain);
  dim = counted(dim, seen);
  const auto bias = checked_bias(seen, from_output ? std::nullopt : b, dim);
  check_like("bias_act", "dy", dy, seen, sizes_of(seen));
  const Tensor dx = new_like(seen);
  if (dx.numel() == 0) return dx;
  const Tensor in = laid_out(seen, dx), slopes = laid_out(dy, dx);
  with_activation(act, [&](auto a) {
    constexpr Act kAct = a;
    if constexpr (kAct == Act::linear || kAct == Act::relu || kAct == Act::lrelu)
      if (from_output) return run<Slope<kAct, true>>(&slopes, in, bias, dx, dim, {alpha, gain, clamp});
    run<Slope<kAct, false>>(&slopes, in, bias, dx, dim, {alpha, gain, clamp});
  });
  return dx;
}

}  // namespace
}  // namespace kaokore

KAOKORE_OPERATORS(m) {
  m.impl("bias_act", TORCH_BOX(&kaokore::bias_act));
  m.impl("bias_act_backward", TORCH_BOX(&kaokore::bias_act_backward));
}
