// Stands in for the CUDA runtime so that g++ compiles the .cu files and runs their kernels on the CPU.
//
// Made to find faults, not to be fast: blocks run in random order; between two barriers the threads of a block run one
// after the other in an order drawn anew; shared memory and results hold NaN until written; each piece of shared memory
// is an allocation of its own, so that AddressSanitizer sees its end; a barrier that some threads never reach, or reach
// at another line, is an error instead of a hang. What it cannot see: races inside a warp, bank conflicts, speed.
#pragma once

#include <ucontext.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <numeric>
#include <random>
#include <string>
#include <vector>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#define __global__
#define __device__
#define __launch_bounds__(...)
#define __syncthreads() kaokore::emulation::barrier(__LINE__)

struct dim3 {
  unsigned x, y, z;
  dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  unsigned count() const { return x * y * z; }
};

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};

inline dim3 threadIdx, blockIdx, blockDim, gridDim;

namespace kaokore {
namespace emulation {

constexpr size_t kStackBytes = 256 * 1024;
constexpr size_t kSharedLimit = 48 * 1024;   // bytes a block gets on every card without asking for more
constexpr unsigned kMostThreads = 1024;      // of a block
constexpr int kUninitialised = 0xFF;         // all bits set is NaN in every floating type

// A stack on which threads of the block run one after the other, until one of them waits at a barrier.
struct Fibre {
  ucontext_t context;
  std::unique_ptr<char[]> stack{new char[kStackBytes]};
  unsigned thread = 0;
  int line = 0;             // of the barrier that its thread waits at
  size_t pieces_taken = 0;  // of shared memory, by its thread
  size_t exchanges = 0;     // with other lanes, by its thread
};

struct Piece {
  std::unique_ptr<unsigned char[]> bytes;
  size_t size;
};

// All that the kernel in progress needs. One at a time: launches take turns by `busy`.
struct Machine {
  std::mutex busy;
  std::mt19937 random;  // goes on from launch to launch, so that no two go alike, but every process does the same
  std::function<void()> kernel;
  std::vector<std::unique_ptr<Fibre>> fibres;
  std::vector<Fibre*> waiting, idle;
  std::vector<unsigned> fresh;  // threads of the block that have not begun
  std::vector<Piece> shared;
  size_t shared_bytes = 0, shared_used = 0;
  Fibre* running = nullptr;
  ucontext_t scheduler;
  const void* scheduler_stack = nullptr;
  size_t scheduler_stack_bytes = 0;
  std::string fault;
};

inline Machine machine;

inline void check(bool fine, const std::string& what) {
  if (!fine) throw std::runtime_error("emulated CUDA: " + what);
}

// `to` null is the scheduler.
inline void switch_stack(ucontext_t& from, Fibre* to) {
#ifdef __SANITIZE_ADDRESS__
  void* frames = nullptr;
  __sanitizer_start_switch_fiber(&frames, to ? to->stack.get() : machine.scheduler_stack,
                                 to ? kStackBytes : machine.scheduler_stack_bytes);
#endif
  swapcontext(&from, to ? &to->context : &machine.scheduler);
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(frames, nullptr, nullptr);
#endif
}

inline void become(Fibre* fibre, unsigned thread) {
  machine.running = fibre;
  fibre->thread = thread;
  threadIdx = dim3(thread % blockDim.x, thread / blockDim.x % blockDim.y, thread / (blockDim.x * blockDim.y));
}

// What a fibre does: begin threads as long as they end without waiting.
inline void run_fresh_threads() {
#ifdef __SANITIZE_ADDRESS__
  __sanitizer_finish_switch_fiber(nullptr, &machine.scheduler_stack, &machine.scheduler_stack_bytes);
#endif
  Fibre* self = machine.running;
  for (;;) {
    while (!machine.fresh.empty()) {
      self->pieces_taken = self->exchanges = 0;
      become(self, machine.fresh.back());
      machine.fresh.pop_back();
      machine.kernel();
    }
    machine.idle.push_back(self);
    switch_stack(self->context, nullptr);
  }
}

inline void barrier(int line) {
  Fibre* self = machine.running;
  self->line = line;
  machine.waiting.push_back(self);
  switch_stack(self->context, nullptr);
}

inline Fibre* new_fibre() {
  machine.fibres.push_back(std::make_unique<Fibre>());
  Fibre* fibre = machine.fibres.back().get();
  getcontext(&fibre->context);
  fibre->context.uc_stack.ss_sp = fibre->stack.get();
  fibre->context.uc_stack.ss_size = kStackBytes;
  fibre->context.uc_link = nullptr;
  makecontext(&fibre->context, run_fresh_threads, 0);
  return fibre;
}

inline Fibre* idle_fibre() {
  if (machine.idle.empty()) return new_fibre();
  Fibre* fibre = machine.idle.back();
  machine.idle.pop_back();
  return fibre;
}

// The stacks of threads in the midst of a kernel cannot be gone on with.
inline void give_up(const std::string& what) {
  machine.waiting.clear();
  machine.idle.clear();
  machine.fibres.clear();
  check(false, what);
}

// All threads of the block must wait, and at the same line.
inline void check_barrier() {
  const size_t threads = blockDim.count(), waiting = machine.waiting.size();
  if (waiting != threads)
    give_up("divergent barrier: " + std::to_string(waiting) + " of " + std::to_string(threads) +
            " threads wait at line " + std::to_string(machine.waiting[0]->line) + ", the others have ended");
  for (const Fibre* fibre : machine.waiting)
    if (fibre->line != machine.waiting[0]->line)
      give_up("divergent barrier: threads of one block wait at lines " + std::to_string(fibre->line) + " and " +
              std::to_string(machine.waiting[0]->line));
}

inline void run_block() {
  machine.shared.clear();
  machine.shared_used = 0;
  machine.fresh.resize(blockDim.count());
  std::iota(machine.fresh.begin(), machine.fresh.end(), 0u);
  std::shuffle(machine.fresh.begin(), machine.fresh.end(), machine.random);
  while (!machine.fresh.empty()) {
    machine.running = idle_fibre();
    switch_stack(machine.scheduler, machine.running);
  }
  while (!machine.waiting.empty()) {
    check_barrier();
    std::vector<Fibre*> resumed;
    resumed.swap(machine.waiting);
    std::shuffle(resumed.begin(), resumed.end(), machine.random);
    for (Fibre* fibre : resumed) {
      become(fibre, fibre->thread);
      switch_stack(machine.scheduler, fibre);
    }
  }
  if (!machine.fault.empty()) give_up(machine.fault);
}

inline void run_grid(std::function<void()> kernel, int64_t blocks, dim3 threads, size_t shared_bytes) {
  const std::lock_guard<std::mutex> turn(machine.busy);
  check(blocks > 0 && blocks < (int64_t{1} << 31), "a grid of " + std::to_string(blocks) + " blocks");
  check(threads.count() > 0 && threads.count() <= kMostThreads, std::to_string(threads.count()) + " threads a block");
  check(shared_bytes <= kSharedLimit, std::to_string(shared_bytes) + " bytes of shared memory");
  machine.kernel = std::move(kernel);
  machine.shared_bytes = shared_bytes;
  machine.fault.clear();
  gridDim = dim3(static_cast<unsigned>(blocks));
  blockDim = threads;
  std::vector<unsigned> order(blocks);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(order.begin(), order.end(), machine.random);
  for (unsigned block : order) {
    blockIdx = dim3(block);
    run_block();
  }
}

}  // namespace emulation

class Place {
 public:
  explicit Place(const torch::stable::Tensor&) {}

  template <class... P, class... A>
  void launch(void (*kernel)(P...), int64_t blocks, dim3 threads, size_t shared_bytes, A... arguments) const {
    emulation::run_grid([=] { kernel(arguments...); }, blocks, threads, shared_bytes);
  }
};

class Shared {
 public:
  template <class T>
  T* take(int count) {
    using namespace emulation;
    const size_t size = count * sizeof(T), place = machine.running->pieces_taken++;
    if (place == machine.shared.size()) {
      machine.shared_used += piece<T>(count);
      if (machine.shared_used > machine.shared_bytes) machine.fault = "more shared memory is taken than was asked for";
      machine.shared.push_back({std::unique_ptr<unsigned char[]>(new unsigned char[size]), size});
      std::memset(machine.shared.back().bytes.get(), kUninitialised, size);
    }
    if (machine.shared[place].size != size) machine.fault = "threads of a block take different shared memory";
    return reinterpret_cast<T*>(machine.shared[place].bytes.get());
  }
};

// A warp's exchange is a barrier of the whole block here: stricter than on a card, and as deterministic. Two rooms take
// turns, so that nobody writes what a slower thread has yet to read.
template <class W>
W lanes_sum(W number, int across) {
  using namespace emulation;
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  static std::vector<W> rooms[2];
  std::vector<W>& room = rooms[machine.running->exchanges++ % 2];
  room.resize(kMostThreads);
  room[thread] = number;
  barrier(-across);
  W sum = 0;
  for (int lane = 0; lane < across; ++lane) sum += room[thread / across * across + lane];
  return sum;
}

template <class Bits>
void store_bits(Bits* to, Bits bits) {
  *to = bits;
}

inline bool on_device(const torch::stable::Tensor& x) { return x.is_cpu(); }

inline void poison(const torch::stable::Tensor& x) {
  if (x.numel() > 0) std::memset(x.mutable_data_ptr(), emulation::kUninitialised, x.numel() * x.element_size());
}

}  // namespace kaokore
