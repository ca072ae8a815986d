// upfirdn2d on the CPU. Rows are filtered along x, then combined along y; the zeros that upsampling inserts are never
// touched: the taps fall into phases, of which each output pixel sees one. All inner loops run along a row.
#include "cpu.h"

#include <numeric>

namespace kaokore {
namespace {

constexpr int64_t kTogether = 4;    // terms summed in one pass over memory
constexpr int64_t kBand = 6144;      // elements of a band of rows: half of a first-level cache
constexpr int64_t kRowLength = 128;  // planes are taken together until their rows are about this long

// Resampling along one axis: output o sees inputs i where i * up = o * down + tap - before.
struct Axis {
  int64_t in, out, up, down, before, taps;

  // The first tap that meets an input sample for output o; every `up`-th from there on does.
  int64_t first_tap(int64_t o) const {
    const int64_t rest = (before - o * down) % up;
    return rest < 0 ? rest + up : rest;
  }
  int64_t input_of(int64_t o, int64_t tap) const { return (o * down + tap - before) / up; }
};

// out[i] (+)= sum over k < Count of weights[k] * sources[k][i].
template <int Count, bool Add, class W>
void weighted_sum(W* out, int64_t length, const W* const* sources, const W* weights) {
  const W *a = sources[0], *b = sources[Count > 1], *c = sources[Count > 2 ? 2 : 0], *d = sources[Count > 3 ? 3 : 0];
  const W p = weights[0], q = weights[Count > 1], r = weights[Count > 2 ? 2 : 0], s = weights[Count > 3 ? 3 : 0];
#pragma omp simd
  for (int64_t i = 0; i < length; ++i) {
    W sum = p * a[i];
    if constexpr (Count > 1) sum += q * b[i];
    if constexpr (Count > 2) sum += r * c[i];
    if constexpr (Count > 3) sum += s * d[i];
    out[i] = Add ? out[i] + sum : sum;
  }
}

template <bool Add, class W>
void weighted_sum(W* out, int64_t length, const W* const* sources, const W* weights, int64_t count) {
  switch (count) {
    case 1: return weighted_sum<1, Add>(out, length, sources, weights);
    case 2: return weighted_sum<2, Add>(out, length, sources, weights);
    case 3: return weighted_sum<3, Add>(out, length, sources, weights);
    default: return weighted_sum<4, Add>(out, length, sources, weights);
  }
}

// The same for any number of terms, four to a pass over memory; none gives zeros.
template <class W>
struct Terms {
  std::vector<const W*> sources;
  std::vector<W> weights;

  void add(const W* source, double weight) {
    sources.push_back(source);
    weights.push_back(W(weight));
  }
  void clear() {
    sources.clear();
    weights.clear();
  }
  void sum(W* out, int64_t length) const {
    const int64_t count = sources.size();
    if (count == 0) std::fill(out, out + length, W(0));
    for (int64_t k = 0; k < count; k += kTogether) {
      const auto pass = k == 0 ? weighted_sum<false, W> : weighted_sum<true, W>;
      pass(out, length, &sources[k], &weights[k], std::min(kTogether, count - k));
    }
  }
};

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }

// Every `step` outputs the pattern of taps repeats, `stride` inputs further on. So inputs are kept by their place
// modulo `stride`, outputs by theirs modulo `step`, and each phase of the output is a sum of shifted inputs.
struct Phases {
  int64_t step, stride, lowest, columns;

  explicit Phases(const Axis& axis) {
    const int64_t common = std::gcd(axis.up, axis.down);
    step = axis.up / common;
    stride = axis.down / common;
    lowest = std::min<int64_t>(0, floor_div(-axis.before, axis.up));
    const int64_t highest = floor_div((axis.out - 1) * axis.down + axis.taps - 1 - axis.before, axis.up);
    columns = (std::max(axis.in - 1, highest) - lowest + stride) / stride;
  }
};

// A filter as its taps along each axis where it is exactly their product, else (rank 2 and more) as all of them.
struct Filter {
  bool separable;
  std::vector<double> along_x, along_y, all;
};

// A few planes at once, side by side, so that short rows make long loops; band after band, so that all stays in the
// cache. Layout of the buffers: [stride or step][rows of the band][planes][columns].
template <class S>
class GroupFilter {
  using W = Wide<S>;

 public:
  GroupFilter(const Axis& x, const Axis& y, const Filter& filter, int64_t planes)
      : x_(x), y_(y), phases_(x), filter_(filter), pitch_(planes * phases_.columns) {
    const int64_t halo = y.taps / y.up + 1, wanted = std::max<int64_t>(kBand / pitch_, 4 * halo);
    band_ = std::min(y.out, std::max<int64_t>(1, (wanted - halo) * y.up / y.down));  // output rows
    rows_ = (std::min(y.in, band_ * y.down / y.up + 1 + halo)) * pitch_;
    const int64_t overrun = phases_.columns;  // what the last row's shifted reads may touch
    loaded_.assign(phases_.stride * rows_ + overrun, W(0));
    filtered_.resize(filter.separable ? phases_.step * rows_ : 0);
    line_.resize(phases_.step * pitch_);
  }

  // Filters `planes` planes, at most as many as there is room for.
  void operator()(const S* in, S* out, int64_t planes) {
    for (int64_t first = 0; first < y_.out; first += band_) {
      const int64_t end = std::min(y_.out, first + band_);
      load_rows(in, first, end, planes);
      for (int64_t o = first; o < end; ++o) {
        for (int64_t phase = 0; phase < phases_.step; ++phase) make_line(o, phase);
        for (int64_t plane = 0; plane < planes; ++plane)
          store(line_.data() + plane * phases_.columns, out + (plane * y_.out + o) * x_.out);
      }
    }
  }

 private:
  // The input rows that output rows [first, end) see, filtered along x where the filter is a product.
  void load_rows(const S* in, int64_t first, int64_t end, int64_t planes) {
    const int64_t lowest = -floor_div(y_.before - first * y_.down, y_.up);
    top_ = std::clamp<int64_t>(lowest, 0, y_.in);
    bottom_ = std::clamp<int64_t>(floor_div((end - 1) * y_.down + y_.taps - 1 - y_.before, y_.up) + 1, top_, y_.in);
    for (int64_t plane = 0; plane < planes; ++plane)
      for (int64_t i = top_; i < bottom_; ++i)
        load(in + (plane * y_.in + i) * x_.in, (i - top_) * pitch_ + plane * phases_.columns);
    if (!filter_.separable) return;
    for (int64_t phase = 0; phase < phases_.step; ++phase) {
      terms_.clear();
      add_row_terms(phase, loaded_.data(), filter_.along_x.data());
      terms_.sum(filtered_.data() + phase * rows_, (bottom_ - top_) * pitch_);
    }
  }

  void load(const S* row, int64_t place) {
    W* to = loaded_.data() + place;
    if (phases_.stride == 1) {
      for (int64_t i = 0; i < x_.in; ++i) to[i - phases_.lowest] = W(row[i]);
    } else if (phases_.stride == 2) {  // a constant, for the compiler's sake
      deal<2>(row, to);
    } else {
      for (int64_t i = 0; i < x_.in; ++i) to[place_of(i)] = W(row[i]);
    }
  }

  // Every Stride-th pixel next to each other, in one stretch for each residue.
  template <int64_t Stride>
  void deal(const S* row, W* to) {
    for (int64_t residue = 0; residue < Stride; ++residue) {
      const int64_t first = ((residue + phases_.lowest) % Stride + Stride) % Stride;  // the first pixel that goes there
      W* stretch = to + place_of(first);
      const int64_t length = (x_.in - first + Stride - 1) / Stride;
      for (int64_t j = 0; j < length; ++j) stretch[j] = W(row[first + Stride * j]);
    }
  }

  int64_t place_of(int64_t i) const {
    const int64_t shifted = i - phases_.lowest;
    return shifted % phases_.stride * rows_ + shifted / phases_.stride;
  }

  // One term for each tap along x that the outputs of a phase see.
  void add_row_terms(int64_t phase, const W* rows, const double* taps) {
    for (int64_t tap = x_.first_tap(phase); tap < x_.taps; tap += x_.up)
      terms_.add(rows + place_of(x_.input_of(phase, tap)), taps[tap]);
  }

  // Output row o of one phase, for all planes.
  void make_line(int64_t o, int64_t phase) {
    terms_.clear();
    for (int64_t tap = y_.first_tap(o); tap < y_.taps; tap += y_.up) {
      const int64_t i = y_.input_of(o, tap);
      if (i < top_ || i >= bottom_) continue;  // above or below the picture
      const int64_t row = (i - top_) * pitch_;
      if (filter_.separable)
        terms_.add(filtered_.data() + phase * rows_ + row, filter_.along_y[tap]);
      else
        add_row_terms(phase, loaded_.data() + row, filter_.all.data() + tap * x_.taps);
    }
    terms_.sum(line_.data() + phase * pitch_, pitch_);
  }

  void store(const W* line, S* row) const {
    if (phases_.step == 1) {
      for (int64_t i = 0; i < x_.out; ++i) row[i] = S(line[i]);
    } else if (phases_.step == 2) {  // a constant, for the compiler's sake
      const W* odd = line + pitch_;
      for (int64_t j = 0; j < x_.out / 2; ++j) {
        row[2 * j] = S(line[j]);
        row[2 * j + 1] = S(odd[j]);
      }
      if (x_.out % 2) row[x_.out - 1] = S(line[x_.out / 2]);
    } else {
      for (int64_t i = 0; i < x_.out; ++i) row[i] = S(line[i % phases_.step * pitch_ + i / phases_.step]);
    }
  }

  const Axis &x_, &y_;
  const Phases phases_;
  const Filter& filter_;
  const int64_t pitch_;
  int64_t band_, rows_, top_ = 0, bottom_ = 0;
  std::vector<W> loaded_, filtered_, line_;
  Terms<W> terms_;
};

std::vector<double> taps_of(const Tensor& f) {
  std::vector<double> taps(f.numel());
  with_type(f, "upfirdn2d", [&](auto type) {
    const auto* values = data<decltype(type)>(f);
    for (size_t i = 0; i < taps.size(); ++i) taps[i] = Wide<decltype(type)>(values[i]);
  });
  return taps;
}

// Turned for correlation, with the gain in it.
Filter filter_of(const Tensor& f_given, bool flip, double gain) {
  const Tensor f = torch::stable::contiguous(f_given);
  std::vector<double> taps = taps_of(f);
  if (!flip) std::reverse(taps.begin(), taps.end());
  Filter result{true, taps, taps, {}};
  if (f.dim() == 2) {
    const int64_t height = f.size(0), width = f.size(1);
    double total = 0;
    for (double tap : taps) total += tap;
    result.along_x.assign(width, 0);
    result.along_y.assign(height, 0);
    for (int64_t i = 0; i < height * width; ++i) {
      result.along_x[i % width] += taps[i];
      result.along_y[i / width] += taps[i];
    }
    for (double& tap : result.along_x) tap /= total;
    for (int64_t i = 0; i < height * width; ++i)
      result.separable = result.separable && result.along_y[i / width] * result.along_x[i % width] == taps[i];
    for (double tap : taps) result.all.push_back(tap * gain);
  }
  for (double& tap : result.along_y) tap *= gain;
  return result;
}

Axis axis_of(const Tensor& x, int64_t dim, int64_t up, int64_t down, int64_t before, int64_t after, int64_t taps) {
  const int64_t in = x.size(dim), spread = in * up + before + after;
  return {in, (spread - taps) / down + 1, up, down, before, taps};
}

Tensor upfirdn2d(
    const Tensor& x_given,
    const Tensor& f,
    std::vector<int64_t> up,
    std::vector<int64_t> down,
    std::vector<int64_t> padding,
    bool flip,
    double gain) {
  check_pictures("upfirdn2d", x_given);
  STD_TORCH_CHECK(
      (f.dim() == 1 || f.dim() == 2) && f.numel() > 0, "upfirdn2d: f of shape ", shape_of(f),
      " is neither [taps] nor [height, width]");
  STD_TORCH_CHECK(
      up.size() == 2 && down.size() == 2 && padding.size() == 4,
      "upfirdn2d: up and down take two numbers, padding four");
  STD_TORCH_CHECK(std::min({up[0], up[1], down[0], down[1]}) >= 1, "upfirdn2d: up and down begin at 1");
  const Tensor x = torch::stable::contiguous(x_given);
  const Filter filter = filter_of(f, flip, gain);
  const int64_t height = f.size(0), width = f.size(f.dim() - 1);
  for (int axis = 0; axis < 2; ++axis)
    STD_TORCH_CHECK(
        x.size(3 - axis) * up[axis] + padding[2 * axis] + padding[2 * axis + 1] >= (axis == 0 ? width : height),
        "upfirdn2d: padding [", padding[0], ", ", padding[1], ", ", padding[2], ", ", padding[3], "] leaves nothing of ",
        x.size(3), "x", x.size(2), " pixels.");
  const Axis along_x = axis_of(x, 3, up[0], down[0], padding[0], padding[1], width);
  const Axis along_y = axis_of(x, 2, up[1], down[1], padding[2], padding[3], height);
  Tensor y = torch::stable::new_empty(x, {x.size(0), x.size(1), along_y.out, along_x.out});
  const int64_t pixels_in = along_y.in * along_x.in, pixels_out = along_y.out * along_x.out;
  const int64_t together = std::max<int64_t>(1, kRowLength / Phases(along_x).columns);
  const int64_t grain = std::max<int64_t>(together, kGrain / std::max<int64_t>(pixels_in + pixels_out, 1));
  with_type(x, "upfirdn2d", [&](auto type) {
    using S = decltype(type);
    const S* in = data<S>(x);
    S* out = out_data<S>(y);
    torch::stable::parallel_for(0, x.size(0) * x.size(1), grain, [&](int64_t begin, int64_t end) {
      GroupFilter<S> filter_planes(along_x, along_y, filter, together);
      for (int64_t plane = begin; plane < end; plane += together)
        filter_planes(in + plane * pixels_in, out + plane * pixels_out, std::min(together, end - plane));
    });
  });
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(kaokore, CPU, m) { m.impl("upfirdn2d", TORCH_BOX(&upfirdn2d)); }

}  // namespace kaokore
