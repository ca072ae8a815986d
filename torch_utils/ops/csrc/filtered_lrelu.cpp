// filtered_lrelu on the CPU, row by row: of the fine picture no more rows are held than a filter sees at once.
//
// A row along x is kept as `streams`: column c in stream c % streams, at place c / streams. With as many streams of the
// fine row as the least common multiple of `up` and `down`, both filters are sums of shifted streams: vectors all along.
#include "cpu.h"
#include "filtered_lrelu.h"
#include "vectors.h"

#include <cstring>
#include <numeric>

namespace kaokore {
namespace {

template <class W>
constexpr int64_t kLanes = kVectorLanes<W>;

template <class W>
int64_t whole_vectors(int64_t length) {
  return (length + kLanes<W> - 1) / kLanes<W> * kLanes<W>;
}

int64_t floor_div(int64_t a, int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
int64_t ceil_div(int64_t a, int64_t b) { return -floor_div(-a, b); }

// Weighted sources of a sum; all are read at the same place.
template <class W>
struct Terms {
  std::vector<const W*> sources;
  std::vector<W> weights;

  void clear() {
    sources.clear();
    weights.clear();
  }
  void add(const W* source, W weight) {
    sources.push_back(source);
    weights.push_back(weight);
  }

  // out[i] for i < length, which is a number of whole vectors.
  void sum(W* out, int64_t length) const {
    int64_t i = 0;
    for (; i + 8 * kLanes<W> <= length; i += 8 * kLanes<W>) sum_vectors<8>(out + i, i);
    for (; i + 2 * kLanes<W> <= length; i += 2 * kLanes<W>) sum_vectors<2>(out + i, i);
    for (; i < length; i += kLanes<W>) sum_vectors<1>(out + i, i);
  }

 private:
  template <int N>
  void sum_vectors(W* out, int64_t at) const {
    using V = Vector<W>;
    V sums[N] = {};
    for (size_t k = 0; k < sources.size(); ++k) {
      const W weight = weights[k];
      for (int n = 0; n < N; ++n) {
        V numbers;
        std::memcpy(&numbers, sources[k] + at + n * kLanes<W>, sizeof numbers);
        sums[n] += numbers * weight;
      }
    }
    std::memcpy(out, sums, sizeof sums);
  }
};

// A filter as it is laid over the picture (turned where it convolves): along each axis, or all taps of a 2D one.
template <class W>
struct Filter {
  bool separable;
  int64_t width;
  std::vector<W> along_x, along_y, all;

  Filter(const Tensor& f, bool flip, double gain) : width(f.size(f.dim() - 1)) {
    const Tensor given = torch::stable::contiguous(torch::stable::to(f, torch::headeronly::ScalarType::Double));
    std::vector<double> taps(data<double>(given), data<double>(given) + given.numel());
    if (!flip) std::reverse(taps.begin(), taps.end());
    separable = f.dim() == 1 || f.numel() == 1;
    if (f.dim() == 1) along_x.assign(taps.begin(), taps.end());
    if (f.numel() == 1 && f.dim() == 2) along_x.assign(1, W(1));
    for (double tap : taps) (separable ? along_y : all).push_back(W(tap * gain));
  }
};

// How many streams the rows along x have, and how long each is.
template <class W>
struct Streams {
  int64_t in, fine, out;                     // streams of a row
  int64_t lowest;                            // the column at which an input row begins
  int64_t in_pitch, fine_pitch, out_pitch;   // columns of a stream
  int64_t fine_columns, out_columns;         // of which are made; whole vectors

  explicit Streams(const FineAxis& x) {
    fine = std::lcm(x.up, x.down);
    in = fine / x.up;
    out = fine / x.down;
    lowest = std::min<int64_t>(0, floor_div(-x.pad, x.up));
    fine_columns = whole_vectors<W>(ceil_div(x.fine, fine));
    out_columns = whole_vectors<W>(ceil_div(x.out, out));
    const int64_t furthest = floor_div(fine - 1 + x.taps_up - 1 - x.pad, x.up) - lowest;
    in_pitch = std::max(ceil_div(x.in - lowest, in), fine_columns + std::max<int64_t>(furthest / in, 0));
    fine_pitch = whole_vectors<W>(
        std::max(fine_columns, out_columns + ((out - 1) * x.down + x.taps_down - 1) / fine));
    out_pitch = out_columns;
  }
};

// Calls body with a number of streams, known to the compiler where it is a usual one.
template <class Body>
void with_count(int64_t count, const Body& body) {
  switch (count) {
    case 1: return body(std::integral_constant<int64_t, 1>{});
    case 2: return body(std::integral_constant<int64_t, 2>{});
    case 4: return body(std::integral_constant<int64_t, 4>{});
    default: return body(count);
  }
}

// The four codes of each byte.
struct Codes {
  uint8_t of[256][kSamplesAByte];

  constexpr Codes() : of() {
    for (int byte = 0; byte < 256; ++byte)
      for (int c = 0; c < kSamplesAByte; ++c) of[byte][c] = byte >> 2 * c & 3;
  }
};
constexpr Codes kCodes;

// What a call has for every plane.
template <class W>
struct Call {
  FineAxes axes;
  Streams<W> streams;
  Filter<W> fu, fd;
  ActOptions<W> options;
  bool keep_signs, read_signs;
  int64_t sign_bytes, sign_rows, offset_x, offset_y;  // bytes of a row of signs, and where the fine picture lies in them
};

// The rows of one plane, on their way from input to output; made once for many planes.
template <class S>
class Plane {
  using W = Wide<S>;

 public:
  explicit Plane(const Call<W>& call)
      : call_(call), x_(call.axes.x), y_(call.axes.y), streams_(call.streams), rows_seen_(ceil_div(y_.taps_up, y_.up)) {
    const Streams<W>& s = streams_;
    in_row_ = s.in * s.in_pitch;
    fine_row_ = s.fine * s.fine_pitch;
    out_row_ = s.out * s.out_pitch;
    loaded_.resize((call.fu.separable ? 1 : rows_seen_) * in_row_);
    widened_.resize(call.fu.separable ? rows_seen_ * fine_row_ : 0);
    fine_.resize((call.fd.separable ? 1 : y_.taps_down) * fine_row_);
    narrowed_.resize(call.fd.separable ? y_.taps_down * out_row_ : 0);
    line_.resize(out_row_);
    widening_.resize(call.fu.separable ? s.fine : 0);
    for (size_t stream = 0; stream < widening_.size(); ++stream)
      add_widening_terms(stream, loaded_.data(), call.fu.along_x.data(), widening_[stream]);
    narrowing_.resize(call.fd.separable ? s.out : 0);
    for (size_t stream = 0; stream < narrowing_.size(); ++stream)
      add_narrowing_terms(stream, fine_.data(), call.fd.along_x.data(), narrowing_[stream]);
    codes_.resize(fine_row_ + 2 * kSamplesAByte);
  }

  void operator()(const S* in, W bias, S* out, const uint8_t* signs_read, uint8_t* signs_made) {
    const int64_t first = std::max<int64_t>(0, ceil_div(-y_.pad, y_.up));
    next_row_ = std::min(first, y_.in);
    for (int64_t m = 0; m < y_.fine; ++m) {
      load_rows_for(m, in, bias);
      W* row = fine_.data() + (call_.fd.separable ? 0 : m % y_.taps_down * fine_row_);
      make_fine_row(m, row);
      if (call_.read_signs)
        apply_signs(m, row, signs_read);
      else
        activate(row);
      if (call_.keep_signs) store_signs(signs_made + m * call_.sign_bytes);
      for (size_t stream = 0; stream < narrowing_.size(); ++stream)
        narrowing_[stream].sum(
            narrowed_.data() + m % y_.taps_down * out_row_ + stream * streams_.out_pitch, streams_.out_columns);
      const int64_t begin = m + 1 - y_.taps_down;
      if (begin >= 0 && begin % y_.down == 0) {
        make_out_row(begin);
        store(out + begin / y_.down * x_.out);
      }
    }
  }

 private:
  // All input rows that fine row m sees, each loaded once; they come in order.
  void load_rows_for(int64_t m, const S* in, W bias) {
    const int64_t end = std::min(y_.in, floor_div(m + y_.taps_up - 1 - y_.pad, y_.up) + 1);
    for (; next_row_ < end; ++next_row_) {
      const int64_t place = next_row_ % rows_seen_;
      load(in + next_row_ * x_.in, bias, loaded_.data() + (call_.fu.separable ? 0 : place * in_row_));
      for (size_t stream = 0; stream < widening_.size(); ++stream)
        widening_[stream].sum(
            widened_.data() + place * fine_row_ + stream * streams_.fine_pitch, streams_.fine_columns);
    }
  }

  void load(const S* from, W bias, W* row) {
    with_count(streams_.in, [&](auto streams) {
      for (int64_t stream = 0; stream < streams; ++stream) {
        // The first pixel that goes into this stream.
        const int64_t first = ((stream + streams_.lowest) % streams + streams) % streams;
        W* to = row + stream * streams_.in_pitch + (first - streams_.lowest) / streams;
        const int64_t count = ceil_div(x_.in - first, streams);
#pragma omp simd
        for (int64_t j = 0; j < count; ++j) to[j] = W(from[first + streams * j]) + bias;
      }
    });
  }

  // Adds the taps along x through which stream `stream` of a fine row sees an input row.
  void add_widening_terms(int64_t stream, const W* row, const W* taps, Terms<W>& terms) const {
    const int64_t first = ((x_.pad - stream) % x_.up + x_.up) % x_.up;
    for (int64_t tap = first; tap < x_.taps_up; tap += x_.up) {
      const int64_t column = (stream + tap - x_.pad) / x_.up - streams_.lowest;
      terms.add(row + column % streams_.in * streams_.in_pitch + column / streams_.in, taps[tap]);
    }
  }

  // Calls add(tap, place of the row in its ring) for each input row that fine row m sees.
  template <class Add>
  void for_rows_seen(int64_t m, const Add& add) {
    const int64_t first = ((y_.pad - m) % y_.up + y_.up) % y_.up;
    for (int64_t tap = first; tap < y_.taps_up; tap += y_.up) {
      const int64_t i = (m + tap - y_.pad) / y_.up;
      if (i >= 0 && i < y_.in) add(tap, i % rows_seen_);
    }
  }

  void make_fine_row(int64_t m, W* row) {
    if (call_.fu.separable) {
      terms_.clear();
      for_rows_seen(m, [&](int64_t tap, int64_t place) {
        terms_.add(widened_.data() + place * fine_row_, call_.fu.along_y[tap]);
      });
      return terms_.sum(row, fine_row_);
    }
    for (int64_t stream = 0; stream < streams_.fine; ++stream) {
      terms_.clear();
      for_rows_seen(m, [&](int64_t tap, int64_t place) {
        const W* taps = call_.fu.all.data() + tap * call_.fu.width;
        add_widening_terms(stream, loaded_.data() + place * in_row_, taps, terms_);
      });
      terms_.sum(row + stream * streams_.fine_pitch, streams_.fine_columns);
    }
  }

  void activate(W* row) {
    const ActOptions<W> options = call_.options;
    const int64_t length = fine_row_;
    uint8_t* codes = codes_.data();
    if (call_.keep_signs) {
#pragma omp simd
      for (int64_t i = 0; i < length; ++i) {
        unsigned sign;
        row[i] = fine_value(row[i], options, &sign);
        codes[i] = uint8_t(sign);
      }
    } else {
#pragma omp simd
      for (int64_t i = 0; i < length; ++i) {
        unsigned sign;
        row[i] = fine_value(row[i], options, &sign);
      }
    }
  }

  // Four codes to a byte; behind the last sample nothing passes.
  void store_signs(uint8_t* bytes) const {
    const uint8_t* codes = codes_.data();
    const int64_t count = call_.sign_bytes, pitch = streams_.fine_pitch;
    std::fill(bytes, bytes + count, uint8_t(0));
    with_count(streams_.fine, [=](auto streams) {
      for (int64_t c = 0; c < kSamplesAByte; ++c) {
        if (kSamplesAByte % streams == 0) {
          const uint8_t* from = codes + c % streams * pitch + c / streams;
#pragma omp simd
          for (int64_t i = 0; i < count; ++i) bytes[i] |= uint8_t(from[kSamplesAByte / streams * i] << 2 * c);
        } else {
          for (int64_t i = 0, m = c; i < count; ++i, m += kSamplesAByte)
            bytes[i] |= uint8_t(codes[m % streams * pitch + m / streams] << 2 * c);
        }
      }
    });
    bytes[count - 1] &= 0xff >> 2 * (kSamplesAByte * count - x_.fine);
  }

  // Multiplies each sample by the slope that its sign tells; outside the signs' picture by 0.
  void apply_signs(int64_t m, W* row, const uint8_t* signs) {
    const int64_t y = m + call_.offset_y;
    if (y < 0 || y >= call_.sign_rows) return std::fill(row, row + fine_row_, W(0));
    const ActOptions<W> options = call_.options;
    const int64_t columns = streams_.fine_columns, pitch = streams_.fine_pitch;
    const uint8_t* codes = read_codes(signs + y * call_.sign_bytes);
    with_count(streams_.fine, [=](auto streams) {
      for (int64_t stream = 0; stream < streams; ++stream) {
        W* samples = row + stream * pitch;
#pragma omp simd
        for (int64_t j = 0; j < columns; ++j)
          samples[j] *= fine_slope<W>(unsigned(codes[streams * j + stream]), options);
      }
    });
  }

  // The codes of the samples of a fine row, in order.
  const uint8_t* read_codes(const uint8_t* bytes) {
    std::fill(codes_.begin(), codes_.end(), uint8_t(kBlocked));
    uint8_t* codes = codes_.data() + kSamplesAByte;  // the first byte may begin before the row
    const int64_t offset = call_.offset_x;
    const int64_t begin = std::max<int64_t>(0, floor_div(offset, kSamplesAByte));
    const int64_t end = std::min(call_.sign_bytes, floor_div(x_.fine + offset - 1, kSamplesAByte) + 1);
    for (int64_t i = begin; i < end; ++i)
      std::memcpy(codes + kSamplesAByte * i - offset, kCodes.of[bytes[i]], kSamplesAByte);
    return codes;
  }

  // Adds the taps along x through which stream `stream` of an output row sees a fine row.
  void add_narrowing_terms(int64_t stream, const W* row, const W* taps, Terms<W>& terms) const {
    for (int64_t tap = 0; tap < x_.taps_down; ++tap) {
      const int64_t column = stream * x_.down + tap;
      terms.add(row + column % streams_.fine * streams_.fine_pitch + column / streams_.fine, taps[tap]);
    }
  }

  // The output row whose first fine row is `begin`.
  void make_out_row(int64_t begin) {
    if (call_.fd.separable) {
      terms_.clear();
      for (int64_t tap = 0; tap < y_.taps_down; ++tap)
        terms_.add(narrowed_.data() + (begin + tap) % y_.taps_down * out_row_, call_.fd.along_y[tap]);
      return terms_.sum(line_.data(), out_row_);
    }
    for (int64_t stream = 0; stream < streams_.out; ++stream) {
      terms_.clear();
      for (int64_t tap = 0; tap < y_.taps_down; ++tap)
        add_narrowing_terms(
            stream, fine_.data() + (begin + tap) % y_.taps_down * fine_row_, call_.fd.all.data() + tap * call_.fd.width,
            terms_);
      terms_.sum(line_.data() + stream * streams_.out_pitch, streams_.out_columns);
    }
  }

  void store(S* row) const {
    with_count(streams_.out, [&](auto streams) {
      for (int64_t stream = 0; stream < streams; ++stream) {
        const W* line = line_.data() + stream * streams_.out_pitch;
        const int64_t count = ceil_div(x_.out - stream, streams);
#pragma omp simd
        for (int64_t j = 0; j < count; ++j) row[stream + streams * j] = S(line[j]);
      }
    });
  }

  const Call<W>& call_;
  const FineAxis &x_, &y_;
  const Streams<W>& streams_;
  const int64_t rows_seen_;  // input rows that a fine row sees at most
  int64_t in_row_, fine_row_, out_row_, next_row_ = 0;
  // Input rows, as they are and filtered along x; fine rows, likewise; an output row. Those of which several are needed
  // at once are rings.
  std::vector<W> loaded_, widened_, fine_, narrowed_, line_;
  std::vector<uint8_t> codes_;  // signs of the fine row: by streams when they are made, in order when they are read
  std::vector<Terms<W>> widening_, narrowing_;  // of each stream, where the filter is separable
  Terms<W> terms_;
};

template <class S>
void run(const Call<Wide<S>>& call, const Tensor& x, const S* bias, const Tensor& y, const uint8_t* signs_read,
         uint8_t* signs_made) {
  const S* in = data<S>(x);
  S* out = out_data<S>(y);
  const FineAxis &across = call.axes.x, &along = call.axes.y;
  const int64_t channels = x.size(1), grain = std::max<int64_t>(1, kGrain / (across.fine * along.fine));
  const int64_t signs = call.sign_bytes * call.sign_rows;
  torch::stable::parallel_for(0, x.size(0) * channels, grain, [&](int64_t begin, int64_t end) {
    Plane<S> filter_plane(call);
    for (int64_t plane = begin; plane < end; ++plane)
      filter_plane(in + plane * across.in * along.in, bias ? Wide<S>(bias[plane % channels]) : 0,
                   out + plane * across.out * along.out, signs_read ? signs_read + plane * signs : nullptr,
                   signs_made ? signs_made + plane * signs : nullptr);
  });
}

std::tuple<Tensor, Tensor> filtered_lrelu(
    const Tensor& x_given,
    std::optional<Tensor> b_given,
    const Tensor& fu,
    const Tensor& fd,
    std::vector<int64_t> up,
    std::vector<int64_t> down,
    std::vector<int64_t> padding,
    bool flip,
    double slope,
    double gain,
    std::optional<double> clamp,
    bool keep_signs) {
  const FineAxes axes = fine_axes("filtered_lrelu", x_given, fu, fd, up, down, padding);
  if (b_given) check_fits("filtered_lrelu", "b", *b_given, x_given, {x_given.size(1)});
  const Tensor x = torch::stable::contiguous(x_given);
  const std::optional<Tensor> b = b_given ? std::optional(torch::stable::contiguous(*b_given)) : std::nullopt;
  const int64_t bytes = bytes_of_signs(axes.x.fine);
  const std::vector<int64_t> sign_sizes{x.size(0), x.size(1), axes.y.fine, bytes};
  const Tensor signs = torch::stable::new_empty(
      x, keep_signs ? sign_sizes : std::vector<int64_t>{0}, torch::headeronly::ScalarType::Byte);
  Tensor y = torch::stable::new_empty(x, {x.size(0), x.size(1), axes.y.out, axes.x.out});
  with_type(x, "filtered_lrelu", [&](auto type) {
    using S = decltype(type);
    using W = Wide<S>;
    const ActOptions<W> options{W(slope), W(gain), clamp ? W(*clamp) : W(-1)};
    const Call<W> call{axes, Streams<W>(axes.x), Filter<W>(fu, flip, up[0] * up[1]), Filter<W>(fd, flip, 1),
                       options, keep_signs, false, bytes, axes.y.fine, 0, 0};
    run<S>(call, x, b ? data<S>(*b) : nullptr, y, nullptr, keep_signs ? out_data<uint8_t>(signs) : nullptr);
  });
  return {y, signs};
}

Tensor filtered_lrelu_signed(
    const Tensor& x_given,
    const Tensor& signs_given,
    const Tensor& fu,
    const Tensor& fd,
    std::vector<int64_t> up,
    std::vector<int64_t> down,
    std::vector<int64_t> padding,
    std::vector<int64_t> offset,
    bool flip,
    double slope,
    double gain) {
  const FineAxes axes = fine_axes("filtered_lrelu_signed", x_given, fu, fd, up, down, padding);
  check_signs(signs_given, x_given, offset);
  const Tensor x = torch::stable::contiguous(x_given), signs = torch::stable::contiguous(signs_given);
  Tensor y = torch::stable::new_empty(x, {x.size(0), x.size(1), axes.y.out, axes.x.out});
  with_type(x, "filtered_lrelu_signed", [&](auto type) {
    using S = decltype(type);
    using W = Wide<S>;
    const Call<W> call{axes, Streams<W>(axes.x), Filter<W>(fu, flip, up[0] * up[1]), Filter<W>(fd, flip, 1),
                       {W(slope), W(gain), W(-1)}, false, true, signs.size(3), signs.size(2), offset[0], offset[1]};
    run<S>(call, x, nullptr, y, data<uint8_t>(signs), nullptr);
  });
  return y;
}

}  // namespace

STABLE_TORCH_LIBRARY_IMPL(kaokore, CPU, m) {
  m.impl("filtered_lrelu", TORCH_BOX(&filtered_lrelu));
  m.impl("filtered_lrelu_signed", TORCH_BOX(&filtered_lrelu_signed));
}

}  // namespace kaokore
