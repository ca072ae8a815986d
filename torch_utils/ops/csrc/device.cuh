// What every kernel file needs of torch and of CUDA: tensors through the stable ABI, launches, shared memory.
// With KAOKORE_EMULATED the same files are compiled by g++ against tests/emulation/cuda_emulation.h.
#pragma once

#include <torch/csrc/inductor/aoti_torch/c/shim.h>
#include <torch/csrc/stable/accelerator.h>
#include <torch/csrc/stable/library.h>
#include <torch/csrc/stable/ops.h>
#include <torch/csrc/stable/tensor.h>
#include <torch/headeronly/util/BFloat16.h>
#include <torch/headeronly/util/Half.h>

#include <cstring>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "checks.h"
#include "numbers.h"

#ifdef KAOKORE_EMULATED
#include "cuda_emulation.h"
#define KAOKORE_OPERATORS(m) STABLE_TORCH_LIBRARY_IMPL(kaokore_emulated, CPU, m)
#else
#include <cuda_runtime.h>
#define KAOKORE_OPERATORS(m) STABLE_TORCH_LIBRARY_IMPL(kaokore, CUDA, m)
#endif

namespace kaokore {

template <>
struct BitsOf<16> {
  using Type = uint4;
};
template <>
struct BitsOf<8> {
  using Type = uint2;
};
template <>
struct BitsOf<4> {
  using Type = uint32_t;
};
template <>
struct BitsOf<2> {
  using Type = uint16_t;
};

using torch::headeronly::ScalarType;
using torch::stable::Tensor;

constexpr unsigned kThreads = 256;      // of a block, unless a kernel says otherwise
constexpr int64_t kMostBlocks = 65535;  // kernels stride over the grid for the rest

#ifndef KAOKORE_EMULATED
// Makes the device of a tensor current while it lives, and knows the stream to launch on.
class Place {
 public:
  explicit Place(const Tensor& x) : guard_(x.get_device_index()) {
    void* stream = nullptr;
    TORCH_ERROR_CODE_CHECK(aoti_torch_get_current_cuda_stream(x.get_device_index(), &stream));
    stream_ = static_cast<cudaStream_t>(stream);
  }

  template <class... P, class... A>
  void launch(void (*kernel)(P...), int64_t blocks, dim3 threads, size_t shared_bytes, A... arguments) const {
    kernel<<<static_cast<unsigned>(blocks), threads, shared_bytes, stream_>>>(arguments...);
    const cudaError_t error = cudaGetLastError();
    STD_TORCH_CHECK(error == cudaSuccess, "a kernel could not be launched: ", cudaGetErrorString(error));
  }

 private:
  torch::stable::accelerator::DeviceGuard guard_;
  cudaStream_t stream_;
};

// Hands out the dynamic shared memory of a block, piece by piece; all threads ask for the same pieces.
class Shared {
 public:
  template <class T>
  __device__ T* take(int count) {
    extern __shared__ __align__(kPackBytes) unsigned char kaokore_arena[];
    T* taken = reinterpret_cast<T*>(kaokore_arena + used_);
    used_ += piece<T>(count);
    return taken;
  }

 private:
  size_t used_ = 0;
};

// One instruction, which the compiler makes of an assignment only where it feels like it.
template <class Bits>
__device__ void store_bits(Bits* to, Bits bits) {
  if constexpr (sizeof(Bits) == 16)
    asm volatile("st.global.v4.u32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)), "r"(bits.x),
                 "r"(bits.y), "r"(bits.z), "r"(bits.w)
                 : "memory");
  else
    *to = bits;
}

// Sum of a number over the lanes of a warp that differ in the low bits of their places: `across` lanes, a power of two.
// All threads of the block call it.
template <class W>
__device__ W lanes_sum(W number, int across) {
  for (int apart = across / 2; apart > 0; apart /= 2) number += __shfl_xor_sync(0xffffffffu, number, apart);
  return number;
}

inline bool on_device(const Tensor& x) { return x.is_cuda(); }
inline void poison(const Tensor&) {}
#endif

// N numbers on their way from memory: neighbours, or one number N times. Fetch all that a thread needs before the first is
// used: a thread waits at the first use, and what it asked for until then comes in the same time.
template <int N, class T>
struct Fetched {
  typename BitsOf<sizeof(T) * N>::Type bits = {};
  bool neighbours = true;

  // A pointer to neighbours must be aligned for packs.
  __device__ void fetch(const T* from, bool are_neighbours = true) {
    neighbours = are_neighbours;
    if (neighbours) bits = *reinterpret_cast<const decltype(bits)*>(from);
    else memcpy(&bits, from, sizeof(T));
  }

  // Zeros where nothing was fetched.
  __device__ void unpack(Wide<T> (&numbers)[N]) const {
    Pack<T, N> pack;
    memcpy(&pack, &bits, sizeof(bits));
    if (neighbours) {
#pragma unroll
      for (int j = 0; j < N; ++j) numbers[j] = static_cast<Wide<T>>(pack.at[j]);
    } else {
      const Wide<T> number = static_cast<Wide<T>>(pack.at[0]);
#pragma unroll
      for (int j = 0; j < N; ++j) numbers[j] = number;
    }
  }
};

template <int N, class T>
__device__ void store(T* to, const Wide<T> (&numbers)[N]) {
  Pack<T, N> pack;
#pragma unroll
  for (int j = 0; j < N; ++j) pack.at[j] = static_cast<T>(numbers[j]);
  typename BitsOf<sizeof(T) * N>::Type bits;
  memcpy(&bits, &pack, sizeof(bits));
  store_bits(reinterpret_cast<decltype(bits)*>(to), bits);
}

inline int64_t blocks_for(int64_t items, int64_t items_a_block) {
  return least(ceil_div<int64_t>(items, items_a_block), kMostBlocks);
}

inline Tensor new_like(const Tensor& x) {
  Tensor y = torch::stable::empty_like(x);
  poison(y);
  return y;
}

inline Tensor new_sized(const Tensor& x, const std::vector<int64_t>& sizes, ScalarType type) {
  Tensor y = torch::stable::new_empty(x, sizes, type);
  poison(y);
  return y;
}

// Neighbouring indices of one tensor are neighbours of the other.
inline bool same_layout(const Tensor& a, const Tensor& b) {
  for (int64_t d = 0; d < a.dim(); ++d)
    if (a.size(d) > 1 && a.stride(d) != b.stride(d)) return false;
  return true;
}

// x laid out in memory as `like` is: itself where it is so already.
inline Tensor laid_out(const Tensor& x, const Tensor& like) {
  if (same_layout(x, like)) return x;
  Tensor copy = new_like(like);
  torch::stable::copy_(copy, x);
  return copy;
}

template <class T>
bool aligned(const T* pointer) {
  return reinterpret_cast<uintptr_t>(pointer) % kPackBytes == 0;
}

// One line where `other` has not the shape, the type and the device that `x` asks for.
inline void check_like(const char* op, const char* name, const Tensor& other, const Tensor& x,
                       const std::vector<int64_t>& sizes) {
  check_fits(op, name, other, x, sizes);
  STD_TORCH_CHECK(on_device(other) && other.get_device_index() == x.get_device_index(), op, ": ", name,
                  " is on another device than x");
}

inline std::vector<int64_t> sizes_of(const Tensor& x) {
  const auto sizes = x.sizes();
  return {sizes.begin(), sizes.end()};
}

// Calls body with a number of the C++ type that a tensor holds.
template <class Body>
void with_type_of(const char* op, const Tensor& x, Body body) {
  switch (x.scalar_type()) {
    case ScalarType::Double: return body(double{});
    case ScalarType::Float: return body(float{});
    case ScalarType::Half: return body(c10::Half{});
    case ScalarType::BFloat16: return body(c10::BFloat16{});
    default: STD_TORCH_CHECK(false, op, ": no kernel for type ", torch::headeronly::toString(x.scalar_type()));
  }
}

// The limit is rounded to the type of the results, so that clamped ones are told by comparing with it.
template <class T>
ActOptions<Wide<T>> act_options(double alpha, double gain, std::optional<double> clamp) {
  const Wide<T> limit = clamp ? static_cast<Wide<T>>(static_cast<T>(static_cast<Wide<T>>(*clamp))) : Wide<T>(-1);
  return {static_cast<Wide<T>>(alpha), static_cast<Wide<T>>(gain), limit};
}

template <class T>
const T* read(const Tensor& x) {
  return static_cast<const T*>(x.const_data_ptr());
}

template <class T>
const T* read(const std::optional<Tensor>& x) {
  return x ? read<T>(*x) : nullptr;
}

template <class T>
T* written(const Tensor& x) {
  return static_cast<T*>(x.mutable_data_ptr());
}

}  // namespace kaokore
