// bias_act and its backward on the CPU: one pass over memory, vectorised by the compiler, shared out over threads.
#include "bias_act_sums.h"

namespace kaokore {
namespace {

// Calls run(first element, length, channel) for stretches of one channel within [begin, end).
template <class Run>
void for_each_run(const Runs& runs, int64_t begin, int64_t end, const Run& run) {
  int64_t at = begin;
  while (at < end) {
    const int64_t length = std::min(end, (at / runs.inner + 1) * runs.inner) - at;
    run(at, length, at / runs.inner % runs.channels);
    at += length;
  }
}

std::vector<int64_t> sizes_of(const Tensor& x) {
  std::vector<int64_t> sizes;
  for (int64_t d = 0; d < x.dim(); ++d) sizes.push_back(x.size(d));
  return sizes;
}

// What becomes of a number.
template <Act A, class W>
struct Value {
  ActOptions<W> options;
  W operator()(W, W x, W bias) const { return bias_act_value<A>(x + bias, options); }
};

template <Act A, bool FromOutput, class W>
struct Slope {
  ActOptions<W> options;
  W operator()(W dy, W seen, W bias) const { return bias_act_slope<A, FromOutput>(dy, seen + bias, options); }
};

// Loops over a stretch whose elements share a bias, or have one each. All else is compiled once for all activations.
template <class W>
struct Loops {
  ActOptions<W> options;
  void (*one_bias)(const W* dy, const W* seen, W* to, int64_t count, W bias, ActOptions<W> options);
  void (*biases)(const W* dy, const W* seen, W* to, int64_t count, const W* biases, ActOptions<W> options);
};

template <class Function, class W>
void with_one_bias(const W* dy, const W* seen, W* to, int64_t count, W bias, ActOptions<W> options) {
  const Function function{options};
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = function(dy[i], seen[i], bias);
}

template <class Function, class W>
void with_biases(const W* dy, const W* seen, W* to, int64_t count, const W* biases, ActOptions<W> options) {
  const Function function{options};
#pragma omp simd
  for (int64_t i = 0; i < count; ++i) to[i] = function(dy[i], seen[i], biases[i]);
}

template <class Function, class W>
Loops<W> loops_of(ActOptions<W> options) {
  return {options, with_one_bias<Function, W>, with_biases<Function, W>};
}

// Calls loop(dy, seen, to, count, first) over one stretch, with numbers in the type that is computed in. The forward op
// has no dy and gives x for both.
template <class S, class Loop>
void compute(const S* dy, const S* seen, S* to, int64_t length, const Loop& loop) {
  Reader<S> read_dy, read_seen;
  Writer<S> write;
  in_pieces<S>(length, [&](int64_t first, int64_t count) {
    const Wide<S>* x = read_seen(seen + first, count);
    const Wide<S>* up = dy == seen ? x : read_dy(dy + first, count);
    loop(up, x, write.room(to + first), count, first);
    write.put(to + first, count);
  });
}

// All elements, in parallel, where neighbours belong to different channels.
template <class S>
void compute_rows(const Runs& runs, const S* bias, const S* dy, const S* seen, S* to, const Loops<Wide<S>>& loops) {
  using W = Wide<S>;
  const int64_t together = pixels_together(runs.channels), most = together * runs.channels;
  const std::vector<W> biases = repeated(bias, runs.channels, together);
  const int64_t chunks = (runs.numel + most - 1) / most;
  torch::stable::parallel_for(0, chunks, std::max<int64_t>(1, kGrain / most), [&](int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      const int64_t at = chunk * most, length = std::min(most, runs.numel - at);
      compute(dy + at, seen + at, to + at, length, [&](const W* up, const W* x, W* room, int64_t count, int64_t first) {
        loops.biases(up, x, room, count, &biases[first], loops.options);
      });
    }
  });
}

// The same whatever the layout; the bias is 0 where there is none. In pieces of fixed size: where a loop ends, and with it
// which of its last elements are computed without vectors, does not depend on the number of threads.
template <class S>
void compute_all(const Runs& runs, const S* bias, const S* dy, const S* seen, S* to, const Loops<Wide<S>>& loops) {
  using W = Wide<S>;
  if (bias != nullptr && runs.inner == 1 && runs.channels > 1) return compute_rows(runs, bias, dy, seen, to, loops);
  const auto stretch = [&](int64_t at, int64_t length, W b) {
    compute(dy + at, seen + at, to + at, length, [&](const W* up, const W* x, W* room, int64_t count, int64_t) {
      loops.one_bias(up, x, room, count, b, loops.options);
    });
  };
  const int64_t pieces = (runs.numel + kGrain - 1) / kGrain;
  torch::stable::parallel_for(0, pieces, 1, [&](int64_t first_piece, int64_t last_piece) {
    for (int64_t piece = first_piece; piece < last_piece; ++piece) {
      const int64_t begin = piece * kGrain, end = std::min(begin + kGrain, runs.numel);
      if (bias == nullptr)
        stretch(begin, end - begin, W(0));
      else
        for_each_run(runs, begin, end, [&](int64_t at, int64_t length, int64_t channel) {
          stretch(at, length, W(bias[channel]));
        });
    }
  });
}

// Calls body with the activation as a compile-time constant.
template <class Body>
void with_act(const std::string& name, const Body& body) {
  switch (act_named(name.c_str())) {
    case Act::linear: return body(std::integral_constant<Act, Act::linear>{});
    case Act::relu: return body(std::integral_constant<Act, Act::relu>{});
    case Act::lrelu: return body(std::integral_constant<Act, Act::lrelu>{});
    case Act::tanh: return body(std::integral_constant<Act, Act::tanh>{});
    case Act::sigmoid: return body(std::integral_constant<Act, Act::sigmoid>{});
    case Act::elu: return body(std::integral_constant<Act, Act::elu>{});
    case Act::selu: return body(std::integral_constant<Act, Act::selu>{});
    case Act::softplus: return body(std::integral_constant<Act, Act::softplus>{});
    case Act::swish: return body(std::integral_constant<Act, Act::swish>{});
    case Act::unknown: STD_TORCH_CHECK(false, "bias_act: no activation is named ", name);
  }
}

std::optional<Tensor> checked_bias(const Tensor& x, const std::optional<Tensor>& b, int64_t dim) {
  if (!b) return std::nullopt;
  if (dim < 0) dim += x.dim();
  STD_TORCH_CHECK(0 <= dim && dim < x.dim(), "bias_act: x of shape ", shape_of(x), " has no such dim");
  check_fits("bias_act", "b", *b, x, {x.size(dim)});
  return torch::stable::contiguous(*b);
}

Tensor bias_act(
    const Tensor& x_given,
    std::optional<Tensor> b_given,
    int64_t dim,
    StringHandle act_given,
    double alpha,
    double gain,
    std::optional<double> clamp) {
  const std::string act = taken(act_given);
  const std::optional<Tensor> b = checked_bias(x_given, b_given, dim);
  const Tensor x = dense(x_given);
  Tensor y = torch::stable::empty_like(x);
  const Runs runs = runs_of(x, dim);
  with_type(x, "bias_act", [&](auto type) {
    using S = decltype(type);
    using W = Wide<S>;
    Loops<W> loops{};
    with_act(act, [&](auto a) { loops = loops_of<Value<a.value, W>>(act_options<S>(alpha, gain, clamp)); });
    const S* in = data<S>(x);
    compute_all(runs, b ? data<S>(*b) : nullptr, in, in, out_data<S>(y), loops);
  });
  return y;
}

// What both backward ops begin with: the arguments checked, and laid out alike in memory.
struct Backward {
  bool from_output;
  std::optional<Tensor> b;
  Tensor seen, dy, dx;
  Runs runs;

  Backward(
      const char* op,
      const Tensor& dy_given,
      const Tensor& seen_given,
      const std::optional<Tensor>& b_given,
      int64_t dim,
      const std::string& act,
      double alpha,
      double gain)
      : from_output(reads_output(act_named(act.c_str()), alpha, gain)),
        b(from_output ? std::nullopt : checked_bias(seen_given, b_given, dim)),
        seen(dense(seen_given)),
        dy(laid_out_as(fitting(op, dy_given, seen_given), seen)),
        dx(torch::stable::empty_like(seen)),
        runs(runs_of(seen, dim)) {}

  static const Tensor& fitting(const char* op, const Tensor& dy, const Tensor& seen) {
    check_fits(op, "dy", dy, seen, sizes_of(seen));
    return dy;
  }

  template <class S>
  const S* bias() const {
    return b ? data<S>(*b) : nullptr;
  }
};

Tensor bias_act_backward(
    const Tensor& dy,
    const Tensor& seen,
    std::optional<Tensor> b,
    int64_t dim,
    StringHandle act_given,
    double alpha,
    double gain,
    std::optional<double> clamp) {
  const std::string act = taken(act_given);
  const Backward given("bias_act_backward", dy, seen, b, dim, act, alpha, gain);
  with_type(seen, "bias_act_backward", [&](auto type) {
    using S = decltype(type);
    using W = Wide<S>;
    const auto options = act_options<S>(alpha, gain, clamp);
    Loops<W> loops{};
    with_act(act, [&](auto a) {
      loops = given.from_output ? loops_of<Slope<a.value, true, W>>(options)
                                : loops_of<Slope<a.value, false, W>>(options);
    });
    compute_all(given.runs, given.bias<S>(), data<S>(given.dy), data<S>(given.seen), out_data<S>(given.dx), loops);
  });
  return given.dx;
}

std::tuple<Tensor, Tensor> bias_act_gradients(
    const Tensor& dy,
    const Tensor& seen,
    std::optional<Tensor> b,
    int64_t dim,
    StringHandle act_given,
    double alpha,
    double gain,
    std::optional<double> clamp) {
  const std::string act = taken(act_given);
  const Backward given("bias_act_gradients", dy, seen, b, dim, act, alpha, gain);
  const int64_t channels = given.runs.channels;
  Tensor db = torch::stable::new_empty(seen, {channels});
  with_type(seen, "bias_act_gradients", [&](auto type) {
    using S = decltype(type);
    using W = Wide<S>;
    const auto options = act_options<S>(alpha, gain, clamp);
    SlopeLoops<W> loops{};
    with_act(act, [&](auto a) {
      loops = given.from_output ? slope_loops<a.value, true>(options) : slope_loops<a.value, false>(options);
    });
    std::vector<double> sums(channels, 0);
    const auto sweep = given.runs.inner == 1 ? row_gradients<S> : plane_gradients<S>;
    if (seen.numel() > 0)
      sweep(
          data<S>(given.dy), data<S>(given.seen), given.bias<S>(), out_data<S>(given.dx), sums.data(), given.runs,
          loops);
    for (int64_t channel = 0; channel < channels; ++channel) out_data<S>(db)[channel] = S(Wide<S>(sums[channel]));
  });
  return {given.dx, db};
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(kaokore, CPU, m) {
  m.impl("bias_act", TORCH_BOX(&bias_act));
  m.impl("bias_act_backward", TORCH_BOX(&bias_act_backward));
  m.impl("bias_act_gradients", TORCH_BOX(&bias_act_gradients));
}

}  // namespace kaokore
