// The steps of a 3x3 convolution by Winograd's F(4x4, 3x3): tiles, their transforms in both dimensions, and the
// products between.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

#include "conv3x3_transforms.h"
#include "cpu.h"
#include "vectors.h"

namespace kaokore {

constexpr int kResults = 4;  // rows of results in a tile, and columns
constexpr int kPlaces = 36;  // numbers of a transformed tile

// How many rows of one or two vectors the processor's registers hold: of tiles in the product with the taps, of
// channels in the sum over tiles.
template <class W>
struct Registers {
#if defined(__AVX512F__) || defined(__aarch64__)
  static constexpr int kRows = 12, kSummed = 8;
#else
  static constexpr int kRows = 6, kSummed = 4;
#endif
  static constexpr int kLanes = kVectorLanes<W>;
};

// Channels are filled up with zeros to whole vectors, and to whole groups of what is summed together.
template <class W>
int64_t padded(int64_t channels) {
  constexpr int64_t group = std::max(Registers<W>::kLanes, Registers<W>::kSummed);
  return (channels + group - 1) / group * group;
}

// Some channels of a pixel as a vector: all that it holds, or the last `count`, with zeros after them.
template <class W, bool kWhole, class S>
KAOKORE_INLINE Vector<W> load_channels(const S* from, int64_t count) {
  if constexpr (kWhole && std::is_same_v<S, W>) return load<W>(from);
  Vector<W> v{};
  for (int64_t i = 0; i < (kWhole ? Registers<W>::kLanes : count); ++i) v[i] = W(from[i]);
  return v;
}

template <class W, bool kWhole, class S>
KAOKORE_INLINE void store_channels(const Vector<W>& v, S* to, int64_t count) {
  if constexpr (kWhole && std::is_same_v<S, W>) return store<W>(v, to);
  for (int64_t i = 0; i < (kWhole ? Registers<W>::kLanes : count); ++i) to[i] = S(v[i]);
}

// Calls body(whether the vector is whole, its first channel, how many channels it holds).
template <class W, class Body>
KAOKORE_INLINE void for_vectors(int64_t channels, const Body& body) {
  constexpr int64_t lanes = Registers<W>::kLanes;
  int64_t c = 0;
  for (; c + lanes <= channels; c += lanes) body(std::true_type{}, c, lanes);
  if (c < channels) body(std::false_type{}, c, channels - c);
}

// Pictures whose channels lie side by side.
template <class S>
struct Picture {
  S* pixels;
  int64_t height, width, channels;
  S* zeros;  // as many as a row has numbers

  bool has_row(int64_t y) const { return y >= 0 && y < height; }
  S* row(int64_t picture, int64_t y) const {
    return has_row(y) ? pixels + (picture * height + y) * width * channels : zeros;
  }
};

// Tiles beside each other: the first one's upper left result, and how many they are.
struct Run {
  int64_t picture, y, x, count;
};

// Pictures cut into tiles of 4x4 results; the last ones may reach beyond.
class Tiles {
 public:
  Tiles(int64_t pictures, int64_t height, int64_t width)
      : pictures_(pictures), high_((height + 3) / kResults), wide_((width + 3) / kResults) {}

  int64_t count() const { return pictures_ * high_ * wide_; }

  // Calls body(run, how many came before) for the runs that some tiles are.
  template <class Body>
  void for_runs(int64_t first, int64_t count, const Body& body) const {
    for (int64_t before = 0; before < count;) {
      const int64_t tile = first + before, row = tile / wide_, column = tile % wide_;
      const Run run{row / high_, row % high_ * kResults, column * kResults, std::min(wide_ - column, count - before)};
      body(run, before);
      before += run.count;
    }
  }

 private:
  int64_t pictures_, high_, wide_;
};

// Room that starts on a line of the cache: a vector that lies across two takes twice as long.
template <class W>
class Numbers {
 public:
  // Filled with zeros or not at all.
  Numbers(int64_t count, bool zeros) : room_(zeros ? new W[count + kLine]() : new W[count + kLine]) {}

  W* get() const { return room_.get() + (64 - reinterpret_cast<uintptr_t>(room_.get()) % 64) % 64 / sizeof(W); }

 private:
  static constexpr int64_t kLine = 64 / sizeof(W);

  std::unique_ptr<W[]> room_;
};

// Some tiles, transformed: for each place a matrix [tiles, padded channels]. What pads them is never looked at:
// products with it land in padding again.
template <class W>
class Transformed {
 public:
  Transformed(int64_t tiles, int64_t channels)
      : channels_(padded<W>(channels)),
        // A few numbers more, lest the places fall on the same lines of the cache.
        pitch_(tiles * channels_ + Registers<W>::kLanes),
        numbers_(kPlaces * pitch_, false) {}

  int64_t channels() const { return channels_; }
  W* at(int place, int64_t tile) { return numbers_.get() + place * pitch_ + tile * channels_; }
  const W* at(int place, int64_t tile) const { return numbers_.get() + place * pitch_ + tile * channels_; }

  // A row of places, and a column.
  KAOKORE_INLINE void put(const Vector<W> (&v)[6], int row, int64_t tile, int64_t channel) {
    W* const to = at(6 * row, tile) + channel;
    const int64_t pitch = pitch_;
    KAOKORE_UNROLL for (int k = 0; k < 6; ++k) store<W>(v[k], to + k * pitch);
  }

  KAOKORE_INLINE void get(Vector<W> (&v)[6], int column, int64_t tile, int64_t channel) const {
    const W* const from = at(column, tile) + channel;
    KAOKORE_UNROLL for (int k = 0; k < 6; ++k) v[k] = load<W>(from + 6 * k * pitch_);
  }

 private:
  const int64_t channels_, pitch_;
  Numbers<W> numbers_;
};

// A vector of channels out of a few rows of a picture, column by column; beyond its borders there are zeros.
template <class W, bool kWhole, int kRows, class S>
class Columns {
 public:
  Columns(const Picture<const S>& x, const Run& run, int64_t top, int64_t channel, int64_t count)
      : width_(x.width), channels_(x.channels), count_(count) {
    for (int r = 0; r < kRows; ++r) rows_[r] = x.row(run.picture, top + r) + channel;
  }

  KAOKORE_INLINE void read(int64_t column, Vector<W> (&d)[kRows]) const {
    const bool there = column >= 0 && column < width_;
    KAOKORE_UNROLL for (int r = 0; r < kRows; ++r)
      d[r] = there ? load_channels<W, kWhole>(rows_[r] + column * channels_, count_) : Vector<W>{};
  }

 private:
  const int64_t width_, channels_, count_;
  const S* rows_[kRows];
};

// B^T d B of 6x6 pixels for each tile. Neighbours share two columns, which are transformed once.
template <class S, class W>
void transform_tiles(const Picture<const S>& x, const Tiles& tiles, int64_t first, int64_t count, Transformed<W>& to) {
  tiles.for_runs(first, count, [&](const Run& run, int64_t before) {
    for_vectors<W>(x.channels, [&](auto whole, int64_t channel, int64_t held) {
      const Columns<W, decltype(whole)::value, 6, S> columns(x, run, run.y - 1, channel, held);
      Vector<W> d[6], t[6][6], v[6];
      KAOKORE_UNROLL for (int k = 0; k < 2; ++k) {
        columns.read(run.x - 1 + k, d);
        transform_pixels(d, t[k]);
      }
      for (int64_t i = 0; i < run.count; ++i) {
        KAOKORE_UNROLL for (int k = 2; k < 6; ++k) {
          columns.read(run.x + kResults * i - 1 + k, d);
          transform_pixels(d, t[k]);
        }
        KAOKORE_UNROLL for (int y = 0; y < 6; ++y) {
          KAOKORE_UNROLL for (int k = 0; k < 6; ++k) d[k] = t[k][y];
          transform_pixels(d, v);
          to.put(v, y, before + i, channel);
          t[0][y] = t[4][y];
          t[1][y] = t[5][y];
        }
      }
    });
  });
}

// A d A^T of 4x4 gradients for each tile.
template <class S, class W>
void transform_gradients(const Picture<const S>& dy, const Tiles& tiles, int64_t first, int64_t count,
                         Transformed<W>& to) {
  tiles.for_runs(first, count, [&](const Run& run, int64_t before) {
    for_vectors<W>(dy.channels, [&](auto whole, int64_t channel, int64_t held) {
      const Columns<W, decltype(whole)::value, 4, S> columns(dy, run, run.y, channel, held);
      Vector<W> d[4], t[4][6], e[6];
      for (int64_t i = 0; i < run.count; ++i) {
        KAOKORE_UNROLL for (int k = 0; k < 4; ++k) {
          columns.read(run.x + kResults * i + k, d);
          transform_gradients(d, t[k]);
        }
        KAOKORE_UNROLL for (int y = 0; y < 6; ++y) {
          KAOKORE_UNROLL for (int k = 0; k < 4; ++k) d[k] = t[k][y];
          transform_gradients(d, e);
          to.put(e, y, before + i, channel);
        }
      }
    });
  });
}

// A^T m A for each tile.
template <class S, class W>
void transform_back(const Transformed<W>& from, const Tiles& tiles, int64_t first, int64_t count, const Picture<S>& y) {
  tiles.for_runs(first, count, [&](const Run& run, int64_t before) {
    const int64_t high = std::min<int64_t>(kResults, y.height - run.y);
    for_vectors<W>(y.channels, [&](auto whole, int64_t channel, int64_t held) {
      S* const rows = y.row(run.picture, run.y) + channel;
      for (int64_t i = 0; i < run.count; ++i) {
        Vector<W> m[6], t[4][6], d[4];
        KAOKORE_UNROLL for (int k = 0; k < 6; ++k) {
          from.get(m, k, before + i, channel);
          gather_results(m, d);
          KAOKORE_UNROLL for (int r = 0; r < kResults; ++r) t[r][k] = d[r];
        }
        const int64_t column = run.x + kResults * i, wide = std::min<int64_t>(kResults, y.width - column);
        KAOKORE_UNROLL for (int r = 0; r < kResults; ++r) {
          gather_results(t[r], d);
          S* const pixel = rows + (r * y.width + column) * y.channels;
          KAOKORE_UNROLL for (int k = 0; k < kResults; ++k)
            if (r < high && k < wide) store_channels<W, decltype(whole)::value>(d[k], pixel + k * y.channels, held);
        }
      }
    });
  });
}

// How many vectors of results are worked on together.
template <class W>
constexpr int64_t vectors_together(int64_t padded_channels) {
  return padded_channels / Registers<W>::kLanes % 2 ? 1 : 2;
}

// The taps of all pairs of channels, transformed: for each place and each group of one or two vectors of results a
// matrix [channels in, results].
template <class W>
class TransformedTaps {
 public:
  // w [out, in, 3, 3]; the transposed convolution takes it the other way round, with its taps turned.
  template <class S>
  TransformedTaps(const S* w, int64_t first, int64_t second, bool transposed)
      : in_(transposed ? first : second),
        out_(padded<W>(transposed ? second : first)),
        group_(vectors_together<W>(out_) * Registers<W>::kLanes),
        pitch_(in_ * out_ + Registers<W>::kLanes),  // the places are not to fall on the same lines of the cache
        numbers_(kPlaces * pitch_, false) {
    const int64_t from_in = 9 * (transposed ? second : 1), from_out = 9 * (transposed ? 1 : second);
    const int64_t results = transposed ? second : first, grain = std::max<int64_t>(1, 256 / (in_ + 1));
    constexpr int64_t lanes = Registers<W>::kLanes;
    torch::stable::parallel_for(0, out_ / lanes, grain, [&](int64_t begin, int64_t end) {
      for (int64_t o = begin * lanes; o < end * lanes; o += lanes)
        for (int64_t i = 0; i < in_; ++i) {
          W taps[9][lanes] = {};
          for (int64_t k = 0; k < std::min(lanes, results - o); ++k)
            for (int tap = 0; tap < 9; ++tap)
              taps[transposed ? 8 - tap : tap][k] = W(w[i * from_in + (o + k) * from_out + tap]);
          put(taps, numbers_.get() + o / group_ * group_ * in_ + i * group_ + o % group_);
        }
    });
  }

  int64_t in() const { return in_; }
  int64_t out() const { return out_; }
  int64_t results_together() const { return group_; }
  const W* at(int place, int64_t out) const { return numbers_.get() + place * pitch_ + out * in_; }

 private:
  // G g G^T of a vector of taps.
  void put(const W (&taps)[9][Registers<W>::kLanes], W* to) const {
    Vector<W> g[3], t[3][6], u[6];
    KAOKORE_UNROLL for (int x = 0; x < 3; ++x) {
      KAOKORE_UNROLL for (int y = 0; y < 3; ++y) g[y] = load<W>(taps[3 * y + x]);
      transform_taps(g, t[x]);
    }
    KAOKORE_UNROLL for (int y = 0; y < 6; ++y) {
      KAOKORE_UNROLL for (int x = 0; x < 3; ++x) g[x] = t[x][y];
      transform_taps(g, u);
      KAOKORE_UNROLL for (int x = 0; x < 6; ++x) store<W>(u[x], to + (6 * y + x) * pitch_);
    }
  }

  const int64_t in_, out_, group_, pitch_;
  Numbers<W> numbers_;
};

// A few tiles' products with one group of taps, summed over the channels.
template <int kVectors, class W>
void multiply_rows(const W* tiles, int64_t pitch, const W* taps, int64_t in, W* to, int64_t to_pitch) {
  constexpr int rows = Registers<W>::kRows, lanes = Registers<W>::kLanes;
  Vector<W> sums[rows][kVectors] = {};
  for (int64_t i = 0; i < in; ++i) {
    Vector<W> tap[kVectors];
    KAOKORE_UNROLL for (int k = 0; k < kVectors; ++k) tap[k] = load<W>(taps + (i * kVectors + k) * lanes);
    KAOKORE_UNROLL for (int r = 0; r < rows; ++r)
      KAOKORE_UNROLL for (int k = 0; k < kVectors; ++k) sums[r][k] += tiles[r * pitch + i] * tap[k];
  }
  KAOKORE_UNROLL for (int r = 0; r < rows; ++r)
    KAOKORE_UNROLL for (int k = 0; k < kVectors; ++k) store<W>(sums[r][k], to + r * to_pitch + k * lanes);
}

template <class W>
void multiply(const Transformed<W>& in, const TransformedTaps<W>& taps, int64_t count, Transformed<W>& out) {
  const auto rows = taps.results_together() > Registers<W>::kLanes ? multiply_rows<2, W> : multiply_rows<1, W>;
  for (int place = 0; place < kPlaces; ++place)
    for (int64_t o = 0; o < taps.out(); o += taps.results_together())
      for (int64_t tile = 0; tile < count; tile += Registers<W>::kRows)
        rows(in.at(place, tile), in.channels(), taps.at(place, o), taps.in(), out.at(place, tile) + o, out.channels());
}

// The products of two pictures' transformed tiles, summed over tiles, for all pairs of channels: for each place, each
// few channels in and each group of one or two vectors of channels out a matrix that is kept in registers.
template <class W>
class SummedProducts {
 public:
  SummedProducts(int64_t in, int64_t out)
      : in_(in),
        out_(out),
        rows_(padded<W>(in)),
        columns_(padded<W>(out)),
        group_(vectors_together<W>(columns_) * Registers<W>::kLanes),
        numbers_(kPlaces * rows_ * columns_, true) {}

  void add(const Transformed<W>& in, const Transformed<W>& out, int64_t count) {
    W* to = numbers_.get();
    for (int place = 0; place < kPlaces; ++place)
      for (int64_t i = 0; i < rows_; i += kSummed)
        for (int64_t o = 0; o < columns_; o += group_, to += kSummed * group_) {
          const W *a = in.at(place, 0) + i, *b = out.at(place, 0) + o;
          if (group_ > Registers<W>::kLanes)
            add_block<2>(a, b, count, to);
          else
            add_block<1>(a, b, count, to);
        }
  }

  // The sum of other ones as well.
  void add(const SummedProducts* others, int64_t count) {
    const int64_t numbers = kPlaces * rows_ * columns_;
    torch::stable::parallel_for(0, numbers, kGrain, [&](int64_t begin, int64_t end) {
      W* to = numbers_.get();
      for (int64_t part = 0; part < count; ++part) {
        const W* from = others[part].numbers_.get();
#pragma omp simd
        for (int64_t i = begin; i < end; ++i) to[i] += from[i];
      }
    });
  }

  // G^T u G → dw [out, in, 3, 3]
  template <class S>
  void transform_back(S* dw) const {
    constexpr int64_t lanes = Registers<W>::kLanes;
    const int64_t grain = std::max<int64_t>(1, kGrain / (kPlaces * columns_));
    torch::stable::parallel_for(0, in_, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)
        for (int64_t o = 0; o < out_; o += lanes) {
          W taps[9][lanes];
          gather(i, o, taps);
          for (int64_t k = 0; k < std::min(lanes, out_ - o); ++k)
            for (int tap = 0; tap < 9; ++tap) dw[((o + k) * in_ + i) * 9 + tap] = S(taps[tap][k]);
        }
    });
  }

 private:
  static constexpr int kSummed = Registers<W>::kSummed;

  const W* at(int place, int64_t i, int64_t o) const {
    const int64_t block = (place * rows_ + i / kSummed * kSummed) * columns_ + o / group_ * group_ * kSummed;
    return numbers_.get() + block + i % kSummed * group_ + o % group_;
  }

  void gather(int64_t i, int64_t o, W (&taps)[9][Registers<W>::kLanes]) const {
    Vector<W> u[6], t[3][6], g[3];
    KAOKORE_UNROLL for (int x = 0; x < 6; ++x) {
      KAOKORE_UNROLL for (int y = 0; y < 6; ++y) u[y] = load<W>(at(6 * y + x, i, o));
      gather_taps(u, g);
      KAOKORE_UNROLL for (int y = 0; y < 3; ++y) t[y][x] = g[y];
    }
    KAOKORE_UNROLL for (int y = 0; y < 3; ++y) {
      gather_taps(t[y], g);
      KAOKORE_UNROLL for (int x = 0; x < 3; ++x) store<W>(g[x], taps[3 * y + x]);
    }
  }

  template <int kVectors>
  void add_block(const W* a, const W* b, int64_t count, W* to) const {
    constexpr int lanes = Registers<W>::kLanes;
    Vector<W> sums[kSummed][kVectors];
    KAOKORE_UNROLL for (int r = 0; r < kSummed; ++r)
      KAOKORE_UNROLL for (int k = 0; k < kVectors; ++k) sums[r][k] = load<W>(to + (r * kVectors + k) * lanes);
    for (int64_t tile = 0; tile < count; ++tile, a += rows_, b += columns_) {
      Vector<W> of_b[kVectors];
      KAOKORE_UNROLL for (int k = 0; k < kVectors; ++k) of_b[k] = load<W>(b + k * lanes);
      KAOKORE_UNROLL for (int r = 0; r < kSummed; ++r)
        KAOKORE_UNROLL for (int k = 0; k < kVectors; ++k) sums[r][k] += a[r] * of_b[k];
    }
    KAOKORE_UNROLL for (int r = 0; r < kSummed; ++r)
      KAOKORE_UNROLL for (int k = 0; k < kVectors; ++k) store<W>(sums[r][k], to + (r * kVectors + k) * lanes);
  }

  int64_t in_, out_, rows_, columns_, group_;
  Numbers<W> numbers_;
};

}  // namespace kaokore
