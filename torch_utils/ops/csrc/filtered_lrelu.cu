// filtered_lrelu on the GPU; torch_utils/ops/filtered_lrelu.py is the specification.
//
// The usual factors and filters have kernels that keep a tile of the fine picture in shared memory. Everything else
// (float64, other factors, huge filters) takes two kernels, with the fine picture in memory between them. Sums are in
// float32 or wider: half precision rounds once.

#include "filtered_lrelu_tiles.cuh"
#include "resampling.h"

namespace kaokore {
namespace {

// Taps in memory, [taps] along both axes or [height, width].
template <class W>
struct Taps {
  const W* at;
  int64_t width;
  bool separable;

  __device__ W of(int64_t x, int64_t y) const { return separable ? at[x] * at[y] : at[y * width + x]; }
};

// Signs in memory, [picture, y, ⌈x / 4⌉], and the place of the fine picture in them.
struct SignPlace {
  uint8_t* at;
  int64_t bytes, rows, offset_x, offset_y;
  Signs mode;
};

template <class T, class W = Wide<T>>
__device__ W upsampled(const T* in, W bias, const Taps<W>& taps, const Axis& x, const Axis& y, int64_t m_x, int64_t m_y) {
  const Axis::Meeting across = x.at(m_x), along = y.at(m_y);
  W sum = 0;
  for (int64_t j = 0; j < along.count; ++j)
    for (int64_t i = 0; i < across.count; ++i)
      sum += (static_cast<W>(in[(along.pixel + j) * x.in + across.pixel + i]) + bias) *
             taps.of(x.place(across.tap + i * x.up.by), y.place(along.tap + j * y.up.by));
  return sum * static_cast<W>(x.up.by * y.up.by);
}

// A thread makes the fine samples of one byte of signs.
template <class T, class W = Wide<T>>
__global__ void any_fine(const T* in, const T* bias, Divisor channels, Taps<W> taps, W* fine, Axis x, Axis y,
                         Divisor quartets, int64_t count, ActOptions<W> options, SignPlace signs) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t item = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; item < count; item += step) {
    const int64_t line = quartets.quotient(item), picture = y.out.quotient(line), m_y = line - picture * y.out.by;
    const int64_t first = (item - line * quartets.by) * kSamplesAByte;
    const W b = bias ? static_cast<W>(bias[channels.remainder(picture)]) : W(0);
    unsigned made = 0;
    for (int64_t m = first; m < least(first + kSamplesAByte, x.out.by); ++m) {
      const W sum = upsampled(in + picture * x.in * y.in, b, taps, x, y, m, m_y);
      unsigned sign = kBlocked;
      W value;
      if (signs.mode == Signs::kRead) {
        const int64_t s_x = m + signs.offset_x, s_y = m_y + signs.offset_y;
        if (0 <= s_x && s_x < signs.bytes * kSamplesAByte && 0 <= s_y && s_y < signs.rows)
          sign = signs.at[(picture * signs.rows + s_y) * signs.bytes + s_x / kSamplesAByte] >> 2 * (s_x % kSamplesAByte) & 3;
        value = sum * fine_slope(sign, options);
      } else {
        value = fine_value(sum, options, &sign);
      }
      made |= sign << 2 * (m - first);
      fine[line * x.out.by + m] = value;
    }
    if (signs.mode == Signs::kMade) signs.at[item] = static_cast<uint8_t>(made);
  }
}

// A thread makes an output. `x.in` and `y.in` are the sizes of the fine picture.
template <class T, class W = Wide<T>>
__global__ void any_output(const W* fine, Taps<W> taps, T* out, int64_t count, Axis x, Axis y) {
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t o = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; o < count; o += step) {
    const int64_t line = x.out.quotient(o), picture = y.out.quotient(line);
    const int64_t first_x = (o - line * x.out.by) * x.down, first_y = (line - picture * y.out.by) * y.down;
    const W* from = fine + (picture * y.in + first_y) * x.in + first_x;
    W sum = 0;
    for (int64_t j = 0; j < y.taps; ++j)
      for (int64_t i = 0; i < x.taps; ++i) sum += from[j * x.in + i] * taps.of(x.place(i), y.place(j));
    out[o] = static_cast<T>(sum);
  }
}

// What a call needs, checked, its tensors in one piece.
struct Call {
  Tensor in, fu, fd, out, signs;
  std::optional<Tensor> bias;
  FineAxes axes;
  int64_t sign_rows, sign_bytes, offset_x, offset_y;
  double slope, gain;
  std::optional<double> clamp;
  Signs mode;
  bool flip;

  int64_t pictures() const { return in.size(0) * in.size(1); }
  uint8_t* signs_at() const {
    return mode == Signs::kNone ? nullptr : mode == Signs::kMade ? written<uint8_t>(signs) : const_cast<uint8_t*>(read<uint8_t>(signs));
  }
  template <class W>
  ActOptions<W> options() const {
    return {static_cast<W>(slope), static_cast<W>(gain), clamp ? static_cast<W>(*clamp) : W(-1)};
  }
};

template <class W>
Taps<W> taps_of(const Tensor& f) {
  return {read<W>(f), f.size(f.dim() - 1), f.dim() == 1};
}

template <class T>
void run_any(const Call& call) {
  using W = Wide<T>;
  const FineAxis &x = call.axes.x, &y = call.axes.y;
  const Tensor fine = new_sized(call.in, {call.pictures(), y.fine, x.fine}, call.fu.scalar_type());
  const Divisor quartets(bytes_of_signs(x.fine));
  const int64_t items = call.pictures() * y.fine * quartets.by;
  const auto upsampled = [&](const FineAxis& a) {
    return Axis{a.in, Divisor(a.fine), a.taps_up, Divisor(a.up), 1, a.pad, call.flip};
  };
  const auto downsampled = [&](const FineAxis& a) {
    return Axis{a.fine, Divisor(a.out), a.taps_down, Divisor(1), a.down, 0, call.flip};
  };
  const Place place(call.in);
  place.launch(any_fine<T>, blocks_for(items, kThreads), kThreads, 0, read<T>(call.in), read<T>(call.bias),
               Divisor(call.in.size(1)), taps_of<W>(call.fu), written<W>(fine), upsampled(x), upsampled(y), quartets,
               items, call.options<W>(),
               SignPlace{call.signs_at(), call.sign_bytes, call.sign_rows, call.offset_x, call.offset_y, call.mode});
  place.launch(any_output<T>, blocks_for(call.out.numel(), kThreads), kThreads, 0, read<W>(fine), taps_of<W>(call.fd),
               written<T>(call.out), call.out.numel(), downsampled(x), downsampled(y));
}

bool is_2d(const Tensor& f) { return f.dim() == 2 && f.numel() > 1; }

TapsInMemory in_memory(const Tensor& f) {
  return {read<float>(f), static_cast<int32_t>(f.size(f.dim() - 1)), static_cast<int32_t>(f.size(0)),
          f.dim() == 2 && f.numel() == 1};
}

template <class K>
void run_tiled(const Call& call, Number number) {
  using G = Tiling<K>;
  const TileAxis x(call.axes.x, G::kX.out, call.offset_x, call.sign_bytes);
  const TileAxis y(call.axes.y, G::kY.out, call.offset_y, call.sign_rows);
  const TiledCall tiled{call.in.const_data_ptr(),
                        call.bias ? call.bias->const_data_ptr() : nullptr,
                        call.out.mutable_data_ptr(),
                        in_memory(call.fu),
                        in_memory(call.fd),
                        call.signs_at(),
                        x,
                        y,
                        Divisor(call.in.size(1)),
                        call.options<float>(),
                        number,
                        call.mode,
                        call.flip};
  Place(call.in).launch(tiled_filtered_lrelu<G>, call.pictures() * x.tiles * y.tiles, kTileThreads,
                        G::kStretches.bytes(), tiled);
}

// Whether the kernel for these factors, at most so many taps for each, and these shapes of filters did the work.
template <int Up, int Down, int Taps, bool UpIs2D, bool DownIs2D>
bool ran_tiled(const Call& call, Number number) {
  using K = Kind<Up, Down, Taps, UpIs2D, DownIs2D>;
  static_assert(kHasTiles<K>, "no tile of this kind fits into shared memory");
  const FineAxis &x = call.axes.x, &y = call.axes.y;
  if (x.up != Up || y.up != Up || x.down != Down || y.down != Down) return false;
  if (is_2d(call.fu) != UpIs2D || is_2d(call.fd) != DownIs2D) return false;
  if (most(x.taps_up, y.taps_up) > K::kTapsUp || most(x.taps_down, y.taps_down) > K::kTapsDown) return false;
  run_tiled<K>(call, number);
  return true;
}

template <int Up, int Down>
bool ran_separable(const Call& call, Number number) {
  if (ran_tiled<Up, Down, 6, false, false>(call, number)) return true;
  if constexpr (kHasTiles<Kind<Up, Down, 12, false, false>>) return ran_tiled<Up, Down, 12, false, false>(call, number);
  return false;
}

// Separable filters for all factors; a 2D one where StyleGAN3's networks have it, on the side of a factor of 2.
bool ran_in_tiles(const Call& call, Number number) {
  return ran_separable<1, 1>(call, number) || ran_separable<2, 1>(call, number) || ran_separable<4, 1>(call, number) ||
         ran_separable<1, 2>(call, number) || ran_separable<2, 2>(call, number) || ran_separable<4, 2>(call, number) ||
         ran_separable<1, 4>(call, number) || ran_separable<2, 4>(call, number) || ran_separable<4, 4>(call, number) ||
         ran_tiled<2, 2, 6, false, true>(call, number) || ran_tiled<4, 2, 6, false, true>(call, number) ||
         ran_tiled<2, 2, 6, true, false>(call, number) || ran_tiled<2, 4, 6, true, false>(call, number);
}

constexpr int64_t kTiledBelow = int64_t{1} << 28;  // samples of a picture, for all sums of indices to fit 32 bits

bool fits_32_bits(const Call& call) {
  const FineAxis &x = call.axes.x, &y = call.axes.y;
  const int64_t sides = most(most(std::abs(x.pad), std::abs(y.pad)), most(std::abs(call.offset_x), std::abs(call.offset_y)));
  const int64_t pictures = most(most(x.in * y.in, x.fine * y.fine), call.sign_rows * call.sign_bytes * kSamplesAByte);
  return most(sides, pictures) < kTiledBelow;
}

void run(const char* op, const Call& call) {
  if (call.out.numel() == 0) return;
  with_type_of(op, call.in, [&](auto number) {
    using T = decltype(number);
    if constexpr (!std::is_same_v<T, double>) {
      constexpr Number kNumber = std::is_same_v<T, float>       ? Number::kFloat
                                 : std::is_same_v<T, c10::Half> ? Number::kHalf
                                                                : Number::kBFloat16;
      if (fits_32_bits(call) && ran_in_tiles(call, kNumber)) return;
    }
    run_any<T>(call);
  });
}

// A filter in one piece, of the type computed in.
Tensor prepared(const char* op, const char* name, const Tensor& f, const Tensor& x) {
  STD_TORCH_CHECK(on_device(f) && f.get_device_index() == x.get_device_index(), op, ": ", name,
                  " is on another device than x");
  const ScalarType type = x.scalar_type() == ScalarType::Double ? ScalarType::Double : ScalarType::Float;
  return torch::stable::contiguous(torch::stable::to(f, type));
}

std::tuple<Tensor, Tensor> filtered_lrelu(const Tensor& x, const std::optional<Tensor>& b, const Tensor& fu,
                                          const Tensor& fd, const std::vector<int64_t>& up,
                                          const std::vector<int64_t>& down, const std::vector<int64_t>& padding,
                                          bool flip, double slope, double gain, std::optional<double> clamp,
                                          bool keep_signs) {
  constexpr const char* op = "filtered_lrelu";
  STD_TORCH_CHECK(on_device(x), op, ": x is on another kind of device than this kernel");
  const FineAxes axes = fine_axes(op, x, fu, fd, up, down, padding);
  if (b) check_like(op, "b", *b, x, {x.size(1)});
  const int64_t rows = axes.y.fine, bytes = bytes_of_signs(axes.x.fine);
  const std::vector<int64_t> sign_sizes{x.size(0), x.size(1), rows, bytes};
  const Tensor signs = new_sized(x, keep_signs ? sign_sizes : std::vector<int64_t>{0}, ScalarType::Byte);
  const Tensor y = new_sized(x, {x.size(0), x.size(1), axes.y.out, axes.x.out}, x.scalar_type());
  run(op, {torch::stable::contiguous(x), prepared(op, "fu", fu, x), prepared(op, "fd", fd, x), y, signs,
           b ? std::optional(torch::stable::contiguous(*b)) : std::nullopt, axes, rows, bytes, 0, 0, slope, gain, clamp,
           keep_signs ? Signs::kMade : Signs::kNone, flip});
  return {y, signs};
}

Tensor filtered_lrelu_signed(const Tensor& x, const Tensor& signs, const Tensor& fu, const Tensor& fd,
                             const std::vector<int64_t>& up, const std::vector<int64_t>& down,
                             const std::vector<int64_t>& padding, const std::vector<int64_t>& offset, bool flip,
                             double slope, double gain) {
  constexpr const char* op = "filtered_lrelu_signed";
  STD_TORCH_CHECK(on_device(x), op, ": x is on another kind of device than this kernel");
  const FineAxes axes = fine_axes(op, x, fu, fd, up, down, padding);
  check_signs(signs, x, offset);
  STD_TORCH_CHECK(on_device(signs) && signs.get_device_index() == x.get_device_index(), op,
                  ": signs are on another device than x");
  const Tensor y = new_sized(x, {x.size(0), x.size(1), axes.y.out, axes.x.out}, x.scalar_type());
  run(op, {torch::stable::contiguous(x), prepared(op, "fu", fu, x), prepared(op, "fd", fd, x), y,
           torch::stable::contiguous(signs), std::nullopt, axes, signs.size(2), signs.size(3), offset[0], offset[1],
           slope, gain, std::nullopt, Signs::kRead, flip});
  return y;
}

}  // namespace
}  // namespace kaokore

KAOKORE_OPERATORS(m) {
  m.impl("filtered_lrelu", TORCH_BOX(&kaokore::filtered_lrelu));
  m.impl("filtered_lrelu_signed", TORCH_BOX(&kaokore::filtered_lrelu_signed));
}
