// Sums over tensors that blocks take in tiles: each block leaves the sums of its tile, and a second kernel adds them up, in
// an order that is always the same.
#pragma once

#include "device.cuh"

namespace kaokore {

constexpr int kTileLanes = 32;     // sums that lie beside each other, which a block adds up at once
constexpr int kTilesAtOnce = 256;  // whose sums a block adds up

// Where sums of tiles go: to be added up, or, where there is one tile alone, at once as results. Neither: nobody asks.
template <class T>
struct Sums {
  Wide<T>* parts = nullptr;
  T* results = nullptr;

  __device__ bool asked() const { return parts || results; }
  __device__ void put(int64_t i, Wide<T> sum) const {
    if (parts) parts[i] = sum;
    else results[i] = static_cast<T>(sum);
  }
};

// [outer, tiles, inner] summed over kTilesAtOnce tiles each, to [outer, fewer tiles, inner].
template <class W, class Out>
__global__ void sum_tiles(const W* parts, Out* sums, int64_t tiles, int64_t inner) {
  Shared shared;
  W* rows = shared.take<W>(kTileLanes * blockDim.y);
  const unsigned groups = static_cast<unsigned>(ceil_div<int64_t>(inner, kTileLanes)), line = blockIdx.x / groups;
  const unsigned fewer = static_cast<unsigned>(ceil_div<int64_t>(tiles, kTilesAtOnce));
  const int64_t outer = line / fewer, first = (line - outer * fewer) * kTilesAtOnce;
  const int64_t i = (blockIdx.x - line * groups) * kTileLanes + threadIdx.x;
  W sum = 0;
  if (i < inner)
    for (int64_t tile = first + threadIdx.y; tile < least(tiles, first + kTilesAtOnce); tile += blockDim.y)
      sum += parts[(outer * tiles + tile) * inner + i];
  rows[threadIdx.y * kTileLanes + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || i >= inner) return;
  W total = 0;
  for (unsigned k = 0; k < blockDim.y; ++k) total += rows[k * kTileLanes + threadIdx.x];
  sums[static_cast<int64_t>(line) * inner + i] = static_cast<Out>(total);
}

// The sums of tiles, [outer, tiles, inner], and what becomes of them over all tiles, [outer, inner].
template <class T>
class TileSums {
 public:
  TileSums(const Tensor& results, int64_t outer, int64_t tiles, int64_t inner)
      : results_(results), outer_(outer), tiles_(tiles), inner_(inner) {
    const ScalarType wide = std::is_same_v<T, double> ? ScalarType::Double : ScalarType::Float;
    if (tiles > 1) parts_ = new_sized(results, {outer, tiles, inner}, wide);
  }

  Sums<T> sums() const {
    return parts_ ? Sums<T>{written<W>(*parts_), nullptr} : Sums<T>{nullptr, written<T>(results_)};
  }

  void add_up(const Place& place) {
    while (parts_) {
      const int64_t fewer = ceil_div<int64_t>(tiles_, kTilesAtOnce);
      const int64_t blocks = outer_ * fewer * ceil_div<int64_t>(inner_, kTileLanes);
      const dim3 threads(kTileLanes, static_cast<unsigned>(least<int64_t>(ceil_div<int64_t>(tiles_, 4), 16)));
      const size_t bytes = piece<W>(kTileLanes * threads.y);
      const Tensor parts = *parts_;
      const W* from = read<W>(parts);
      if (fewer == 1) {
        parts_.reset();
        place.launch(sum_tiles<W, T>, blocks, threads, bytes, from, written<T>(results_), tiles_, inner_);
      } else {
        parts_ = new_sized(parts, {outer_, fewer, inner_}, parts.scalar_type());
        place.launch(sum_tiles<W, W>, blocks, threads, bytes, from, written<W>(*parts_), tiles_, inner_);
        tiles_ = fewer;
      }
    }
  }

 private:
  using W = Wide<T>;
  std::optional<Tensor> parts_;
  Tensor results_;
  int64_t outer_, tiles_, inner_;
};

}  // namespace kaokore
