// The bilinear warp and its transpose on the GPU; torch_utils/ops/warp.py is the specification.
//
// The transpose gathers too: an input pixel adds up what the output pixels around its place took from it. So there are
// no atomics, and results repeat to the last bit.

#include "device.cuh"
#include "warping.h"

namespace kaokore::warp_cuda {
namespace {

struct Shape {
  Sizes sizes;
  int64_t channels, count;  // count: of the pixels that threads take, of one or several channels
  Divisor width, height, groups;
};

// All channels of one output pixel.
template <class T>
__device__ void look_up(const T* x, T* y, Wide<T> at_x, Wide<T> at_y, const Shape& shape) {
  using W = Wide<T>;
  const Sizes& s = shape.sizes;
  const W nothing = (at_x - at_x) + (at_y - at_y);  // 0; NaN where the place is none, which is not to be hidden
  // Anything else lies outside all pixels' reach, and perhaps outside the range of integers.
  const bool near = at_x > -1 && at_x < static_cast<W>(s.in_width) && at_y > -1 && at_y < static_cast<W>(s.in_height);
  const int64_t left = near ? static_cast<int64_t>(std::floor(at_x)) : s.in_width;
  const int64_t top = near ? static_cast<int64_t>(std::floor(at_y)) : s.in_height;
  for (int64_t c = 0; c < shape.channels; ++c) {
    W sum = nothing;
#pragma unroll
    for (int corner = 0; corner < 4; ++corner) {
      const int64_t column = left + corner % 2, row = top + corner / 2;
      if (0 <= column && column < s.in_width && 0 <= row && row < s.in_height)
        sum += bilinear_weight(at_x, column) * bilinear_weight(at_y, row) *
               static_cast<W>(x[(c * s.in_height + row) * s.in_width + column]);
    }
    y[c * s.out_height * s.out_width] = static_cast<T>(sum);
  }
}

template <class T>
__global__ void warp_kernel(const T* x, const Wide<T>* matrices, T* y, Shape shape) {
  const Sizes& s = shape.sizes;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < shape.count; i += step) {
    const int64_t line = shape.width.quotient(i), column = i - line * s.out_width;
    const int64_t sample = shape.height.quotient(line), row = line - sample * s.out_height;
    const Lookup<Wide<T>> lookup(matrices + sample * 6, s);
    look_up(x + sample * shape.channels * s.in_height * s.in_width,
            y + (sample * shape.channels * s.out_height + row) * s.out_width + column, lookup.x_of(column, row),
            lookup.y_of(column, row), shape);
  }
}

constexpr int kGroup = 4;  // channels that one thread of the transpose adds up

// What the output pixels gave to pixel (column, row) of `channels` channels, whose gradients begin at dy and dx.
template <class T>
__device__ void collect(const T* dy, T* dx, int64_t column, int64_t row, int channels, const Lookup<Wide<T>>& lookup,
                        const Sizes& s) {
  using W = Wide<T>;
  const Lookers<W> lookers(lookup, s);
  const W from_x = static_cast<W>(column) - lookup.x0, from_y = static_cast<W>(row) - lookup.y0;
  const Range columns = around(lookers.xx * from_x + lookers.xy * from_y, lookers.reach_x, s.out_width);
  const Range rows = around(lookers.yx * from_x + lookers.yy * from_y, lookers.reach_y, s.out_height);
  W sums[kGroup] = {};
  for (int64_t y = rows.first; y < rows.end; ++y)
    for (int64_t x = columns.first; x < columns.end; ++x) {
      const W weight = bilinear_weight(lookup.x_of(x, y), column) * bilinear_weight(lookup.y_of(x, y), row);
      if (weight == 0) continue;
#pragma unroll
      for (int c = 0; c < kGroup; ++c)
        if (c < channels) sums[c] += weight * static_cast<W>(dy[(c * s.out_height + y) * s.out_width + x]);
    }
#pragma unroll
  for (int c = 0; c < kGroup; ++c)
    if (c < channels) dx[c * s.in_height * s.in_width] = static_cast<T>(sums[c]);
}

template <class T>
__global__ void transpose_kernel(const T* dy, const Wide<T>* matrices, T* dx, Shape shape) {
  const Sizes& s = shape.sizes;
  const int64_t step = static_cast<int64_t>(gridDim.x) * blockDim.x;
  for (int64_t i = static_cast<int64_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < shape.count; i += step) {
    const int64_t line = shape.width.quotient(i), column = i - line * s.in_width;
    const int64_t part = shape.height.quotient(line), row = line - part * s.in_height;
    const int64_t sample = shape.groups.quotient(part), channel = (part - sample * shape.groups.by) * kGroup;
    const int64_t plane = sample * shape.channels + channel;
    const Lookup<Wide<T>> lookup(matrices + sample * 6, s);
    collect(dy + plane * s.out_height * s.out_width, dx + (plane * s.in_height + row) * s.in_width + column, column,
            row, static_cast<int>(least<int64_t>(shape.channels - channel, kGroup)), lookup, s);
  }
}

void check(const char* op, const Tensor& x, const Tensor& matrices, const std::vector<int64_t>& size) {
  STD_TORCH_CHECK(on_device(x), op, ": x is on another kind of device than this kernel");
  check_warp(op, x, matrices, size);
  STD_TORCH_CHECK(on_device(matrices) && matrices.get_device_index() == x.get_device_index(), op,
                  ": matrices are on another device than x");
}

// In one piece, of the type computed in.
Tensor prepared(const Tensor& matrices, const Tensor& x) {
  const ScalarType type = x.scalar_type() == ScalarType::Double ? ScalarType::Double : ScalarType::Float;
  return torch::stable::contiguous(torch::stable::to(matrices, type));
}

Tensor warp(const Tensor& x, const Tensor& matrices, const std::vector<int64_t>& size) {
  check("warp", x, matrices, size);
  const Tensor y = new_sized(x, {x.size(0), x.size(1), size[0], size[1]}, x.scalar_type());
  if (y.numel() == 0) return y;
  const Tensor in = torch::stable::contiguous(x), to = prepared(matrices, x);
  const Sizes sizes{x.size(3), x.size(2), size[1], size[0]};
  const int64_t count = x.size(0) * size[0] * size[1];
  with_type_of("warp", x, [&](auto number) {
    using T = decltype(number);
    Place(x).launch(warp_kernel<T>, blocks_for(count, kThreads), kThreads, 0, read<T>(in), read<Wide<T>>(to),
                    written<T>(y), Shape{sizes, x.size(1), count, Divisor(size[1]), Divisor(size[0]), Divisor(1)});
  });
  return y;
}

Tensor warp_backward(const Tensor& dy, const Tensor& matrices, const std::vector<int64_t>& size) {
  check("warp_backward", dy, matrices, size);
  const Tensor dx = new_sized(dy, {dy.size(0), dy.size(1), size[0], size[1]}, dy.scalar_type());
  if (dx.numel() == 0) return dx;
  const Tensor slopes = torch::stable::contiguous(dy), to = prepared(matrices, dy);
  const Sizes sizes{size[1], size[0], dy.size(3), dy.size(2)};
  const int64_t groups = ceil_div<int64_t>(dy.size(1), kGroup), count = dy.size(0) * groups * size[0] * size[1];
  with_type_of("warp_backward", dy, [&](auto number) {
    using T = decltype(number);
    Place(dy).launch(transpose_kernel<T>, blocks_for(count, kThreads), kThreads, 0, read<T>(slopes), read<Wide<T>>(to),
                     written<T>(dx), Shape{sizes, dy.size(1), count, Divisor(size[1]), Divisor(size[0]), Divisor(groups)});
  });
  return dx;
}

}  // namespace
}  // namespace kaokore::warp_cuda

KAOKORE_OPERATORS(m) {
  m.impl("warp", TORCH_BOX(&kaokore::warp_cuda::warp));
  m.impl("warp_backward", TORCH_BOX(&kaokore::warp_cuda::warp_backward));
}
