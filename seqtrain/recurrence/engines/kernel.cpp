// One layer of an LSTM or a GRU on a CPU, all its time steps, forward and backward, in float32.
//
// Rows. The numbers of every step of every sequence are a row; rows lie as in a PackedSequence, step by step, the
// longest sequence first. A padded batch has as many rows in each step. Sequence q is at its own step t in row
// offsets[t] + q; the reverse direction meets it in row offsets[length[q] - 1 - t] + q. Sequences know nothing of each
// other, so each thread takes some of them through all steps of one direction and waits for nobody.
//
// Letters. D directions, N rows, B sequences, T steps; I features in, H units; G gates with weights (LSTM 4, GRU 3);
// V floats in a vector. A row has four sums for each unit, in slots:
//
//     LSTM    i f g o          products with x and with h give all four
//     GRU     n r z m          with x the first three, with h the last three: h' = n + z (h - n),
//                              n = tanh(sum_n + r sum_m): the reset gate acts after the product, as in torch
//
// Arrays, row by row. A slot is H floats.
//
//     x, dx (N, I)     y, dy (N, D H)     h_0, c_0, h_n, c_n (D, B, H)
//     kept (D, N, slots H)    LSTM i f g o c, GRU n r z m: what backward needs. It writes the gradients of the sums
//                             over them, and those are what all other gradients are products of.
//
// Weights are brought in the order in which they are read. Forward, for each direction and each V units:
//
//     4 V biases | G V weights of x_0, of x_1, ... | G V weights of h_0, of h_1, ...      units beyond H: zeros
//
// Any other matrix (K, columns) becomes panels of one to four vectors: row 0 of the first panel, row 1, ...
//
// The one product, `multiply`, holds a block of rows x up to four vectors of sums in registers. It adds
// in the order of k whatever the block, and everything after it happens row by row in functions that exist once. So
// the states of a sequence are bit for bit the same in any batch and with any number of threads. Gradients of
// weights are sums over rows in blocks of DEPTH, in their order, so they do not depend on threads either.
//
// This file is compiled by one command without flags for a machine: below, it includes itself once for each
// instruction set, and the best one that the processor has is chosen when the library is loaded.

#ifndef VECTOR  // ---------------------------------------------------------- what all instruction sets share

#include <pthread.h>

#include <algorithm>
#include <cfenv>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <mutex>
#include <new>
#include <stdexcept>
#include <thread>
#include <vector>
#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace {

typedef int64_t Size;

enum { DEPTH = 256, TILE = 48, MANY = 24, AHEAD = 48 };
// Rows that a gradient of a weight sums at a time, and rows of the weight that are copied for that; sequences from
// which on a step has its input projected in registers, and rows that are projected ahead where there are fewer.
// TILE and AHEAD are multiples of all blocks of rows.

// Step offsets and lengths out of batch sizes, or T steps of B sequences without them.
struct Walk {
  std::vector<Size> offsets, lengths;
  Walk(const Size *batch_sizes, Size T, Size B) : offsets(T + 1), lengths(B, T) {
    for (Size t = 0, live = B; t < T; t++) {
      const Size least = t ? 1 : B;
      if (batch_sizes && (batch_sizes[t] < least || batch_sizes[t] > live)) throw std::domain_error("batch sizes");
      if (batch_sizes) live = batch_sizes[t];
      offsets[t + 1] = offsets[t] + live;
    }
    for (Size t = T - 1, q = 0; batch_sizes && q < B; q++) {
      while (batch_sizes[t] <= q) t--;
      lengths[q] = t + 1;
    }
  }
  Size rows() const { return offsets.back(); }
};

// One direction of one layer; see the arrays above. Pointers that a pass has no use for are null.
struct Direction {
  const Walk *walk;
  bool reverse;
  Size I, H, stride;  // stride: of y and dy
  const float *weight_ih, *weight_hh, *bias_ih, *bias_hh;
  float *packed;  // weights, forward
  const float *x, *h_0, *c_0;
  float *y, *h_n, *c_n, *kept;
  const float *dy;
  float *dh, *dc;                         // in: gradients of the final states; out: of the initial ones
  float *packed_ih, *packed_hh;           // weights, backward
  const float **previous;                 // for each row, the h that it began with
  float *dw_ih, *dw_hh, *db_ih, *db_hh;

  Size length(Size q) const { return walk->lengths[q]; }
  Size row(Size q, Size t) const { return walk->offsets[reverse ? length(q) - 1 - t : t] + q; }
};

// A place in an array that may not be there.
float *at(float *array, Size offset) { return array ? array + offset : array; }
const float *at(const float *array, Size offset) { return array ? array + offset : array; }

// What one instruction set has for one cell.
struct Kernels {
  Size gates, slots;
  Size (*packed_size)(Size I, Size H);
  void (*pack)(const Direction &, Size first_block, Size last_block);
  void (*forward)(const Direction &, Size first, Size last, float *scratch);
  void (*backward)(const Direction &, Size first, Size last, float *scratch);
  void (*input_gradient)(const Direction *, Size num_directions, float *dx, Size first, Size last);
  void (*weight_gradients)(const Direction &, Size first, Size last, float *scratch);
};

struct InstructionSet {
  const char *name;
  Size width;
  Kernels lstm, gru;
  Size (*panels_size)(Size K, Size columns);
  void (*pack_panels)(const float *matrix, Size K, Size columns, Size rotate, float *out);
  void (*map)(int function, const float *x, float *y, Size n);
};

}  // namespace

#define TEXT(x) #x
#define TEXT_OF(x) TEXT(x)
#define UNROLL _Pragma("GCC unroll 8")
#ifdef __clang__
#define BEGIN(set) _Pragma(TEXT(clang attribute push(__attribute__((target(set))), apply_to = function)))
#define END _Pragma("clang attribute pop")
#else
#define BEGIN(set) _Pragma("GCC push_options") _Pragma(TEXT(GCC target(set)))
#define END _Pragma("GCC pop_options")
#endif

#ifdef __x86_64__
#define VECTOR 16
#define BLOCK 6
BEGIN("avx512f,avx2,fma")
namespace avx512 {
#include "kernel.cpp"
}
END
#undef VECTOR
#undef BLOCK
#define VECTOR 8
#define BLOCK 3
BEGIN("avx2,fma")
namespace avx2 {
#include "kernel.cpp"
}
END
#undef VECTOR
#undef BLOCK
#endif
#define VECTOR 4
#ifdef __aarch64__
#define BLOCK 6  // NEON has 32 registers
#define PLAIN "neon"
#else
#define BLOCK 3
#define PLAIN "baseline"
#endif
namespace plain {
#include "kernel.cpp"
}
#undef VECTOR

namespace {

const InstructionSet sets[] = {
#ifdef __x86_64__
    avx512::describe("avx512"), avx2::describe("avx2"),
#endif
    plain::describe(PLAIN)};

bool is_supported(const InstructionSet &set) {
#ifdef __x86_64__
  if (set.width == 16) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("fma");
  if (set.width == 8) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return set.width == 4;
}

const InstructionSet *find_best() { return std::find_if(std::begin(sets), std::end(sets), is_supported); }
const InstructionSet *used = find_best();
const Kernels &kernels_of(int cell) { return cell ? used->gru : used->lstm; }

// Memory that begins at a cache line: vectors that straddle two cost twice as much.
class Buffer {
 public:
  explicit Buffer(Size size) : floats(static_cast<float *>(std::aligned_alloc(64, (4 * size + 127) / 64 * 64))) {
    if (!floats) throw std::bad_alloc();
  }
  ~Buffer() { std::free(floats); }
  Buffer(const Buffer &) = delete;
  Buffer &operator=(const Buffer &) = delete;
  float *const floats;
};

// Threads that wait for tasks. Whoever brings tasks works on them, too, and alone where another has the pool.
class Pool {
 public:
  void run(Size num_tasks, Size num_threads, const std::function<void(Size)> &task) {
    std::unique_lock<std::mutex> mine(busy, std::defer_lock);
    if (num_tasks < 2 || num_threads < 2 || !mine.try_lock()) {
      for (Size k = 0; k < num_tasks; k++) task(k);
      return;
    }
    std::unique_lock<std::mutex> lock(mutex);
    grow(std::min(num_tasks, num_threads) - 1);
    current = &task, next = 0, total = left = num_tasks, places = num_threads - 1;
    std::fegetenv(&environment);
    wake.notify_all();
    work(lock);
    done.wait(lock, [this] { return left == 0; });
  }

 private:
  void grow(Size size) {
    try {
      for (; threads < size; threads++) std::thread(&Pool::wait, this).detach();
    } catch (const std::exception &) {  // no more threads to be had: fewer will do
    }
  }
  void wait() {
    std::unique_lock<std::mutex> lock(mutex);
    for (;;) {
      wake.wait(lock, [this] { return next < total && places > 0; });
      places--;
      std::fesetenv(&environment);
      work(lock);
    }
  }
  void work(std::unique_lock<std::mutex> &lock) {
    while (next < total) {
      const Size k = next++;
      lock.unlock();
      (*current)(k);
      lock.lock();
      if (--left == 0) return done.notify_all();
    }
  }

  std::mutex busy, mutex;
  std::condition_variable wake, done;
  const std::function<void(Size)> *current = nullptr;
  std::fenv_t environment;  // of whoever brought the tasks: small numbers flushed to zero, or not
  Size threads = 0, places = 0, next = 0, total = 0, left = 0;
};

// Never destroyed, since threads wait in it. A forked child has none of them, and begins with a pool of its own.
Pool *pool = new Pool;
const int forks = pthread_atfork(nullptr, nullptr, [] { pool = new Pool; });

// A range of the sequences, or of something else, of one direction.
struct Range {
  Size direction, first, last;
};

// Sequences of every direction in ranges of about equal work, about as many as there are threads.
std::vector<Range> split_sequences(const Walk &walk, Size num_directions, Size num_threads) {
  const Size num_parts = (num_threads + num_directions - 1) / num_directions, B = walk.lengths.size();
  std::vector<Range> ranges;
  for (Size d = 0; d < num_directions; d++)
    for (Size q = 0, first = 0, sum = 0, part = 1; q < B; q++) {
      sum += walk.lengths[q];
      if (q < B - 1 && sum * num_parts < walk.rows() * part) continue;
      ranges.push_back({d, first, q + 1});
      first = q + 1, part++;
    }
  return ranges;
}

// 0 to `size` of every direction in at most `num_parts` parts, each a multiple of `unit`.
std::vector<Range> split_evenly(Size num_directions, Size size, Size num_parts, Size unit) {
  const Size units = (size + unit - 1) / unit, part = unit * std::max<Size>(1, (units + num_parts - 1) / num_parts);
  std::vector<Range> ranges;
  for (Size d = 0; d < num_directions; d++)
    for (Size first = 0; first < size; first += part) ranges.push_back({d, first, std::min(first + part, size)});
  return ranges;
}

// Waking a thread takes as long as this many products.
Size products_of_a_thread = 1000000;
Size useful_threads(Size num_threads, Size products) {
  return std::min(num_threads, 1 + products / products_of_a_thread);
}

// 0; 1 if there is not enough memory; 2 if batch sizes grow from step to step, fall to 0, or do not begin
// with B.
template <class F>
int report_failure(F run) {
  try {
    run();
    return 0;
  } catch (const std::bad_alloc &) {
    return 1;
  } catch (const std::domain_error &) {
    return 2;
  }
}

}  // namespace

// ------------------------------------------------------------------------------------------- the C interface
// cell: 0 LSTM, 1 GRU. weights: for each direction weight_ih, weight_hh, bias_ih, bias_hh, the biases null if there
// are none. batch_sizes: null for T steps of B sequences. What an int means is said at `report_failure`.

extern "C" {

// The text of this file when it was compiled, as a number: SOURCE_HASH of the command that compiled it.
const char *seqtrain_source_hash() { return TEXT_OF(SOURCE_HASH); }

const char *seqtrain_instruction_set() { return used->name; }

// The k-th instruction set of this library, best first; null where there is no such, or not on this processor.
const char *seqtrain_choose(int k) {
  if (k < 0 || k >= std::end(sets) - std::begin(sets) || !is_supported(sets[k])) return nullptr;
  used = &sets[k];
  return used->name;
}

// Floats of one direction's packed weights, and of what a row keeps for backward.
Size seqtrain_packed_size(int cell, Size I, Size H) { return kernels_of(cell).packed_size(I, H); }
Size seqtrain_kept_size(int cell, Size H) { return kernels_of(cell).slots * H; }

// Whether `size` bytes at each place are, one after the other, those of a copy: packed weights are good for as long.
int seqtrain_equals_copy(int num_places, const void *const *places, const Size *sizes, const char *copy) {
  for (int k = 0; k < num_places; copy += sizes[k++])
    if (std::memcmp(places[k], copy, sizes[k])) return 0;
  return 1;
}

int seqtrain_pack(int cell, Size I, Size H, Size D, Size num_threads, const float *const *weights, float *packed) {
  return report_failure([&] {
    const Kernels &kernels = kernels_of(cell);
    const Size blocks = (H + used->width - 1) / used->width;
    const auto ranges = split_evenly(D, blocks, num_threads, 1);
    pool->run(ranges.size(), useful_threads(num_threads, D * H * (I + H)), [&](Size k) {
      const Range range = ranges[k];
      Direction direction{};
      const float *const *own = weights + 4 * range.direction;
      direction.I = I, direction.H = H;
      direction.weight_ih = own[0], direction.weight_hh = own[1], direction.bias_ih = own[2], direction.bias_hh = own[3];
      direction.packed = packed + range.direction * kernels.packed_size(I, H);
      kernels.pack(direction, range.first, range.last);
    });
  });
}

// kept: null where no backward pass will follow.
int seqtrain_forward(int cell, Size I, Size H, Size D, Size T, Size B, Size num_threads, const Size *batch_sizes,
                     const float *packed, const float *x, const float *h_0, const float *c_0, float *y, float *h_n,
                     float *c_n, float *kept) {
  return report_failure([&] {
    const Kernels &kernels = kernels_of(cell);
    const Walk walk(batch_sizes, T, B);
    const Size num_useful = useful_threads(num_threads, D * walk.rows() * H * (I + H));
    const auto ranges = split_sequences(walk, D, num_useful);
    const Size size = 4 * AHEAD * (H + 16) + 6 * (B + AHEAD) + 16;  // projected rows, pointers
    const Buffer scratch(size * ranges.size());
    std::vector<Direction> directions(D);
    for (Size d = 0; d < D; d++) {
      Direction &each = directions[d];
      each.walk = &walk, each.reverse = d == 1, each.I = I, each.H = H, each.stride = D * H;
      each.packed = const_cast<float *>(packed) + d * kernels.packed_size(I, H), each.x = x;
      each.h_0 = h_0 + d * B * H, each.c_0 = at(c_0, d * B * H), each.y = y + d * H;
      each.h_n = h_n + d * B * H, each.c_n = at(c_n, d * B * H);
      each.kept = at(kept, d * walk.rows() * kernels.slots * H);
    }
    pool->run(ranges.size(), num_useful, [&](Size k) {
      const Range range = ranges[k];
      kernels.forward(directions[range.direction], range.first, range.last, scratch.floats + k * (size / 16 * 16));
    });
  });
}

// dh, dc: gradients of the final states, which become those of the initial ones. dx: null where nobody asks for it.
// gradients: for each direction of weight_ih, weight_hh, bias_ih, bias_hh; null where nobody asks, or there is no bias.
int seqtrain_backward(int cell, Size I, Size H, Size D, Size T, Size B, Size num_threads, const Size *batch_sizes,
                      const float *const *weights, const float *x, const float *h_0, const float *c_0, const float *y,
                      float *kept, const float *dy, float *dh, float *dc, float *dx, float *const *gradients) {
  return report_failure([&] {
    const Kernels &kernels = kernels_of(cell);
    const Walk walk(batch_sizes, T, B);
    const Size N = walk.rows(), K = kernels.gates * H, num_useful = useful_threads(num_threads, D * N * H * (I + H));
    const Size size_ih = used->panels_size(K, I), size_hh = used->panels_size(K, H);
    const Buffer packed(D * (size_ih + size_hh));
    std::vector<const float *> previous(D * N);
    std::vector<Direction> directions(D);
    for (Size d = 0; d < D; d++) {
      Direction &each = directions[d];
      each.walk = &walk, each.reverse = d == 1, each.I = I, each.H = H, each.stride = D * H;
      each.weight_ih = weights[4 * d], each.weight_hh = weights[4 * d + 1];
      each.x = x, each.h_0 = h_0 + d * B * H, each.c_0 = at(c_0, d * B * H), each.y = const_cast<float *>(y) + d * H;
      each.kept = kept + d * N * kernels.slots * H, each.previous = previous.data() + d * N;
      each.dy = dy + d * H, each.dh = dh + d * B * H, each.dc = at(dc, d * B * H);
      each.packed_ih = packed.floats + d * (size_ih + size_hh), each.packed_hh = each.packed_ih + size_ih;
      float *const *own = gradients + 4 * d;
      each.dw_ih = own[0], each.dw_hh = own[1], each.db_ih = own[2], each.db_hh = own[3];
    }
    pool->run(2 * D, num_useful, [&](Size k) {
      const Direction &each = directions[k / 2];
      const Size rotate = cell ? 2 * H : 0;  // a GRU's n comes first in the slots of x, last in its weights
      if (k % 2) used->pack_panels(each.weight_hh, K, H, 0, each.packed_hh);
      else if (dx) used->pack_panels(each.weight_ih, K, I, rotate, each.packed_ih);
    });

    const Size loop_size = (4 * B + 16) / 16 * 16;  // pointers
    const auto sequences = split_sequences(walk, D, num_useful);
    const Buffer loop_scratch(loop_size * sequences.size());
    pool->run(sequences.size(), num_useful, [&](Size k) {
      const Range range = sequences[k];
      kernels.backward(directions[range.direction], range.first, range.last, loop_scratch.floats + k * loop_size);
    });

    const Size product_size = DEPTH * (TILE + (std::max(I, H) + 15) / 16 * 16);
    const auto units = split_evenly(D, K, (num_useful + D - 1) / D, TILE);
    const auto rows = dx ? split_evenly(1, N, 4 * num_useful, TILE) : std::vector<Range>();
    const Buffer product_scratch(product_size * units.size());
    const Size num_units = units.size();
    pool->run(num_units + rows.size(), num_useful, [&](Size k) {
      if (k < num_units) {
        float *scratch = product_scratch.floats + k * product_size;
        kernels.weight_gradients(directions[units[k].direction], units[k].first, units[k].last, scratch);
      } else {
        kernels.input_gradient(directions.data(), D, dx, rows[k - num_units].first, rows[k - num_units].last);
      }
    });
  });
}

// For tests: sigmoid (0) or tanh (1) of n numbers, a multiple of 16.
void seqtrain_map(int function, const float *x, float *y, Size n) { used->map(function, x, y, n); }

}  // extern "C"

#else  // ------------------------------------------------------------------- for each instruction set

enum { V = VECTOR, R = BLOCK };
typedef float Vector __attribute__((vector_size(4 * V)));
typedef uint32_t Bits __attribute__((vector_size(4 * V)));

static inline Vector all(float x) { return x - Vector{}; }
static inline Vector load(const float *p) {
  Vector v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
static inline void store(float *p, Vector v) { __builtin_memcpy(p, &v, sizeof v); }

// The first n of a vector's numbers; the others are 0, and are not touched in memory.
static inline Vector load(const float *p, Size n) {
  if (n >= V) return load(p);
#if VECTOR == 16
  return _mm512_maskz_loadu_ps((1u << n) - 1, p);
#else
  float part[V] = {};
  for (Size k = 0; k < n; k++) part[k] = p[k];
  return load(part);
#endif
}
static inline void store(float *p, Vector v, Size n) {
  if (n >= V) return store(p, v);
#if VECTOR == 16
  _mm512_mask_storeu_ps(p, (1u << n) - 1, v);
#else
  float part[V];
  store(part, v);
  for (Size k = 0; k < n; k++) p[k] = part[k];
#endif
}

// ---- functions. Inputs are limited in a way that leaves NaN alone.

// n and expm1(r) of x = n ln 2 + r, |r| < 0.35, for |x| < 2^22. Cephes' polynomial; ln 2 in two parts, of which n times
// the first one is exact. n comes as the bits of `rounded`, whose last place is 1.
static inline Vector reduced_expm1(Vector x, Vector *n, Bits *bits) {
  const Vector round = all(12582912.f), rounded = x * all(1.44269504f) + round;
  *n = rounded - round, *bits = (Bits)rounded - (Bits)round;
  const Vector r = x - *n * all(0.693359375f) - *n * all(-2.12194440e-4f);
  Vector p = all(1.9875691500e-4f);
  p = p * r + all(1.3981999507e-3f);
  p = p * r + all(8.3334519073e-3f);
  p = p * r + all(4.1665795894e-2f);
  p = p * r + all(1.6666665459e-1f);
  p = p * r + all(5.0000001201e-1f);
  return p * (r * r) + r;
}
static inline Vector power_of_two(Bits n) { return (Vector)((n + 127) << 23); }

// exp(-|x|) / (1 + exp(-|x|)) or 1 / (1 + exp(-|x|)): small results keep all their digits, as far as float32 goes.
static inline Vector sigmoid(Vector x) {
  const Vector one = all(1.f), least = all(-104.f);
  Vector a = (Vector)((Bits)x | 0x80000000u), n;
  a = a < least ? least : a;
  Bits bits;
  const Vector q = reduced_expm1(a, &n, &bits);
  const Bits half = (Bits)((bits >> 1) | 0x80000000u * (bits >> 31));  // n is negative: shift its sign in
  const Vector s = power_of_two(half), e = (s * q + s) * power_of_two(bits - half);
  return (x < Vector{} ? e : one) / (one + e);
}

// m / (m + 2) with m = expm1(2|x|), and the sign of x.
static inline Vector tanh(Vector x) {
  const Vector most = all(20.f), one = all(1.f);
  const Bits sign = (Bits)x & 0x80000000u;
  Vector a = (Vector)((Bits)x ^ sign) * all(2.f), n;
  a = a > most ? most : a;
  Bits bits;
  const Vector q = reduced_expm1(a, &n, &bits), s = power_of_two(bits), m = s * q + (s - one);
  return (Vector)((Bits)(m / (m + all(2.f))) | sign);
}

static void map(int function, const float *x, float *y, Size n) {
  for (Size k = 0; k < n; k += V) store(y + k, function ? tanh(load(x + k)) : sigmoid(load(x + k)));
}

// ---- the product: sums += a w, for `rows` rows of a and `vectors` vectors of columns.
//
// a[r] points to the first number of row r, and the next ones are `step` apart; w is (count, vectors V);
// sums is (rows, 4 V), of which the first vectors are added to.

typedef void (*Multiply)(const float *const *a, Size step, const float *w, Size count, float *sums);

template <int rows, int vectors>
static void multiply(const float *const *a, Size step, const float *w, Size count, float *sums) {
  Vector s[rows][vectors];
  const float *p[rows];
  UNROLL for (int r = 0; r < rows; r++) {
    p[r] = a[r];
    UNROLL for (int v = 0; v < vectors; v++) s[r][v] = load(sums + (4 * r + v) * V);
  }
  for (Size k = 0; k < count; k++, w += vectors * V) {
    Vector factors[rows];  // these in registers, and one vector of w at a time: more does not fit into 16
    UNROLL for (int r = 0; r < rows; r++) factors[r] = all(p[r][k * step]);
    UNROLL for (int v = 0; v < vectors; v++) {
      const Vector b = load(w + v * V);
      UNROLL for (int r = 0; r < rows; r++) s[r][v] += factors[r] * b;
    }
  }
  UNROLL for (int r = 0; r < rows; r++) {
    UNROLL for (int v = 0; v < vectors; v++) store(sums + (4 * r + v) * V, s[r][v]);
  }
}

#define OF_ROWS(r) {multiply<r, 1>, multiply<r, 2>, multiply<r, 3>, multiply<r, 4>}
static const Multiply products[R][4] = {OF_ROWS(1), OF_ROWS(2), OF_ROWS(3),
#if BLOCK == 6
                                        OF_ROWS(4), OF_ROWS(5), OF_ROWS(6)
#endif
};
#undef OF_ROWS

// `left` things in blocks of at most `most`, of about equal size: the size of the first one.
static inline Size share(Size left, Size most) {
  const Size blocks = (left + most - 1) / most;
  return (left + blocks - 1) / blocks;
}

// ---- panels of a matrix (K, columns): of each, all K rows of up to four vectors

static inline Size num_vectors(Size columns) { return (columns + V - 1) / V; }
static Size panels_size(Size K, Size columns) { return K * num_vectors(columns) * V; }

// row(k): where row k of the matrix is.
template <class Row>
static void pack_rows(Row row, Size K, Size columns, float *out) {
  for (Size v = 0, size; v < num_vectors(columns); v += size) {
    size = share(num_vectors(columns) - v, 4);
    for (Size k = 0; k < K; k++)
      for (Size u = v; u < v + size; u++, out += V) store(out, load(row(k) + u * V, columns - u * V));
  }
}

// Row k of the panels is row (k + rotate) % K of the matrix.
static void pack_panels(const float *matrix, Size K, Size columns, Size rotate, float *out) {
  pack_rows([&](Size k) { return matrix + (k + rotate) % K * columns; }, K, columns, out);
}

// out (rows, columns) += a (rows, K) times a matrix in panels; a is as in `multiply`.
static void add_product(const float *const *a, Size step, Size K, const float *panels, float *const *out, Size rows,
                        Size columns) {
  for (Size v = 0, size; v < num_vectors(columns); v += size, panels += K * size * V) {
    size = share(num_vectors(columns) - v, 4);
    const Size c = v * V, width = std::min(size * V, columns - c);
    for (Size r = 0, n; r < rows; r += n) {
      n = share(rows - r, R);
      alignas(64) float sums[R * 4 * V];
      for (Size i = 0; i < n; i++)
        for (Size u = 0; u < width; u += V) store(sums + i * 4 * V + u, load(out[r + i] + c + u, width - u));
      products[n - 1][size - 1](a + r, step, panels, K, sums);
      for (Size i = 0; i < n; i++)
        for (Size u = 0; u < width; u += V) store(out[r + i] + c + u, load(sums + i * 4 * V + u), width - u);
    }
  }
}

// ---- the cells: from the four sums of a row's units to their h, and back. n <= V units; slots are H apart.

// Where V units of a row are. h: before this step; c: in and out; kept: or null.
struct Row {
  const float *h;
  float *c, *y, *kept;
};

struct Lstm {
  enum { gates = 4, slots = 5, first_h = 0 };  // first_h: the first slot that h has weights for
  static const bool has_c = true;

  // Two loops: one row's exponentials wait for each other, those of several rows do not. Overwrites the sums.
  __attribute__((noinline)) static void forward(float *sums, const Row *rows, Size num_rows, Size H, Size n) {
    for (Size k = 0; k < num_rows; k++) {
      float *s = sums + k * 4 * V, *kept = rows[k].kept;
      const Vector i = sigmoid(load(s)), f = sigmoid(load(s + V)), g = tanh(load(s + 2 * V));
      const Vector o = sigmoid(load(s + 3 * V)), c = f * load(rows[k].c, n) + i * g;
      store(rows[k].c, c, n), store(s, c), store(s + V, o);
      if (!kept) continue;
      store(kept, i, n), store(kept + H, f, n), store(kept + 2 * H, g, n), store(kept + 3 * H, o, n);
      store(kept + 4 * H, c, n);
    }
    for (Size k = 0; k < num_rows; k++, sums += 4 * V) store(rows[k].y, load(sums + V) * tanh(load(sums)), n);
  }

  // dh: in, its gradient by later steps; out, the gradient of h before as far as it does not come through weights.
  __attribute__((noinline)) static void backward(float *kept, const float *, const float *c_before, const float *dy,
                                                 float *dh, float *dc, Size H, Size n) {
    const Vector one = all(1.f), i = load(kept, n), f = load(kept + H, n), g = load(kept + 2 * H, n);
    const Vector o = load(kept + 3 * H, n), c = tanh(load(kept + 4 * H, n)), d = load(dy, n) + load(dh, n);
    const Vector d_c = load(dc, n) + d * o * (one - c * c);
    store(kept, d_c * g * i * (one - i), n);
    store(kept + H, d_c * load(c_before, n) * f * (one - f), n);
    store(kept + 2 * H, d_c * i * (one - g * g), n);
    store(kept + 3 * H, d * c * o * (one - o), n);
    store(dc, d_c * f, n), store(dh, Vector{}, n);
  }
};

struct Gru {
  enum { gates = 3, slots = 4, first_h = 1 };
  static const bool has_c = false;

  __attribute__((noinline)) static void forward(float *sums, const Row *rows, Size num_rows, Size H, Size k) {
    for (Size i = 0; i < num_rows; i++) {
      float *s = sums + i * 4 * V, *kept = rows[i].kept;
      const Vector m = load(s + 3 * V), r = sigmoid(load(s + V)), z = sigmoid(load(s + 2 * V));
      store(s, load(s) + r * m), store(s + V, z);
      if (kept) store(kept + H, r, k), store(kept + 2 * H, z, k), store(kept + 3 * H, m, k);
    }
    for (Size i = 0; i < num_rows; i++, sums += 4 * V) {
      const Vector n = tanh(load(sums)), z = load(sums + V);
      store(rows[i].y, n + z * (load(rows[i].h, k) - n), k);
      if (rows[i].kept) store(rows[i].kept, n, k);
    }
  }

  __attribute__((noinline)) static void backward(float *kept, const float *before, const float *, const float *dy,
                                                 float *dh, float *, Size H, Size k) {
    const Vector one = all(1.f), n = load(kept, k), r = load(kept + H, k), z = load(kept + 2 * H, k);
    const Vector m = load(kept + 3 * H, k), d = load(dy, k) + load(dh, k), d_n = d * (one - z) * (one - n * n);
    store(kept, d_n, k), store(kept + H, d_n * m * r * (one - r), k);
    store(kept + 2 * H, d * (load(before, k) - n) * z * (one - z), k), store(kept + 3 * H, d_n * r, k);
    store(dh, d * z, k);
  }
};

// ---- weights, forward

template <class Cell>
static Size packed_size(Size I, Size H) {
  return num_vectors(H) * V * (4 + Cell::gates * (I + H));
}

// The weights (G H, K) of V units from u on, for each k those of each gate; gate `first` comes first.
template <class Cell>
static float *pack_units(const float *weight, Size K, Size H, Size u, Size first, float *out) {
  const Size n = std::min<Size>(V, H - u);
  for (Size g = 0; g < Cell::gates; g++)
    for (Size k = 0; k < K; k += 16) {  // 16 x V numbers at a time stay in the cache while they are transposed
      float *block = out + k * Cell::gates * V + g * V;
      const float *row = weight + ((g + first) % Cell::gates * H + u) * K + k;
      const Size width = std::min<Size>(16, K - k);
      for (Size l = 0; l < V; l++)
        for (Size j = 0; j < width; j++) block[j * Cell::gates * V + l] = l < n ? row[l * K + j] : 0.f;
    }
  return out + K * Cell::gates * V;
}

template <class Cell>
static void pack(const Direction &d, Size first, Size last) {
  const Size H = d.H, rotate = Cell::first_h ? 2 : 0;
  float *out = d.packed + first * packed_size<Cell>(d.I, H) / num_vectors(H);
  for (Size u = first * V; u < last * V; u += V) {
    for (Size slot = 0; slot < 4; slot++)
      for (Size l = u; l < u + V; l++, out++) {
        const Size in_x = (slot + rotate) % Cell::gates * H + l, in_h = (slot - Cell::first_h) * H + l;
        *out = 0.f;
        if (l < H && d.bias_ih && slot < Cell::gates) *out += d.bias_ih[in_x];
        if (l < H && d.bias_hh && slot >= Cell::first_h) *out += d.bias_hh[in_h];
      }
    out = pack_units<Cell>(d.weight_ih, d.I, H, u, rotate, out);
    out = pack_units<Cell>(d.weight_hh, H, H, u, 0, out);
  }
}

// ---- forward

// Bias and x times its weights for V units of n rows: (n, 4 V).
template <class Cell>
static inline void project(const float *w, const float *const *x, Size I, Size n, float *sums) {
  for (Size i = 0; i < n; i++) __builtin_memcpy(sums + i * 4 * V, w, 4 * 4 * V);
  products[n - 1][Cell::gates - 1](x, 1, w + 4 * V, I, sums);
}

// Where a step's sequences read and write; arrays begin with sequence `first`.
struct Step {
  Size first, live;      // sequences from, to
  const Size *rows;
  const float *const *x, *const *h;
  const float *projected;  // by row and block of units (4 V), or null: x is still to be projected
};

template <class Cell>
static void run_step(const Direction &d, const Step &step) {
  const Size H = d.H, I = d.I, blocks = num_vectors(H), block_size = packed_size<Cell>(I, H) / blocks;
  for (Size b = 0, u = 0; b < blocks; b++, u += V) {
    const Size units = std::min<Size>(V, H - u);
    const float *w = d.packed + b * block_size, *w_h = w + V * (4 + Cell::gates * I);
    for (Size s = 0, n; s < step.live - step.first; s += n) {
      n = share(step.live - step.first - s, R);
      alignas(64) float sums[R * 4 * V];
      if (!step.projected) project<Cell>(w, step.x + s, I, n, sums);
      for (Size i = 0; step.projected && i < n; i++)
        __builtin_memcpy(sums + i * 4 * V, step.projected + ((s + i) * blocks + b) * 4 * V, 4 * 4 * V);
      products[n - 1][Cell::gates - 1](step.h + s, 1, w_h, H, sums + Cell::first_h * V);
      Row rows[R];
      for (Size i = 0; i < n; i++) {
        const Size row = step.rows[s + i], q = step.first + s + i;
        rows[i] = {step.h[s + i] + u, at(d.c_n, q * H + u), d.y + row * d.stride + u,
                   at(d.kept, row * Cell::slots * H + u)};
      }
      Cell::forward(sums, rows, n, H, units);
    }
  }
}

// Few sequences: project the input of several steps together, so that products have enough rows.
template <class Cell>
static void project_ahead(const Direction &d, const float *const *x, Size count, float *projected) {
  const Size blocks = num_vectors(d.H), block_size = packed_size<Cell>(d.I, d.H) / blocks;
  for (Size b = 0; b < blocks; b++)
    for (Size r = 0, n; r < count; r += n) {
      n = share(count - r, R);
      alignas(64) float sums[R * 4 * V];
      project<Cell>(d.packed + b * block_size, x + r, d.I, n, sums);
      for (Size i = 0; i < n; i++)
        __builtin_memcpy(projected + ((r + i) * blocks + b) * 4 * V, sums + i * 4 * V, 4 * 4 * V);
    }
}

// Take sequences `first` to `last` through all steps.
template <class Cell>
static void forward(const Direction &d, Size first, Size last, float *scratch) {
  const Size H = d.H, T = d.length(first), most = last - first + AHEAD;
  float *const projected = scratch;
  Size *const rows = reinterpret_cast<Size *>(projected + AHEAD * num_vectors(H) * 4 * V);
  const float **const x = reinterpret_cast<const float **>(rows + most), **const h = x + most;
  if (Cell::has_c) __builtin_memcpy(d.c_n + first * H, d.c_0 + first * H, 4 * (last - first) * H);

  const auto enter = [&](Size t, Size live, Size count) {  // rows of step t, from place `count` on
    for (Size q = first; q < live; q++, count++) rows[count] = d.row(q, t), x[count] = d.x + rows[count] * d.I;
    return count;
  };
  const auto run = [&](Size t, Size live, Size place, const float *projected) {
    for (Size q = first; q < live; q++) h[q - first] = t ? d.y + d.row(q, t - 1) * d.stride : d.h_0 + q * H;
    run_step<Cell>(d, {first, live, rows + place, x + place, h, projected});
  };
  const auto alive = [&](Size t, Size live) {
    while (d.length(live - 1) <= t) live--;
    return live;
  };

  for (Size t = 0, live = last; t < T;) {
    live = alive(t, live);
    if (live - first >= MANY) {
      enter(t, live, 0);
      run(t++, live, 0, nullptr);
      continue;
    }
    Size end = t, count = 0;
    for (Size n = live; end < T && count + (n = alive(end, n)) - first <= AHEAD; end++) count = enter(end, n, count);
    project_ahead<Cell>(d, x, count, projected);
    for (Size place = 0; t < end; place += live - first, t++) {
      live = alive(t, live);
      run(t, live, place, projected + place * num_vectors(H) * 4 * V);
    }
  }
  for (Size q = first; q < last; q++)
    __builtin_memcpy(d.h_n + q * H, d.y + d.row(q, d.length(q) - 1) * d.stride, 4 * H);
}

// ---- backward

// Take sequences `first` to `last` back through all steps: `kept` becomes the gradients of the sums.
template <class Cell>
static void backward(const Direction &d, Size first, Size last, float *scratch) {
  const Size H = d.H, width = Cell::slots * H;
  const float **const sums = reinterpret_cast<const float **>(scratch);
  float **const dh = reinterpret_cast<float **>(scratch + 2 * (last - first));
  for (Size q = first; q < last; q++) dh[q - first] = d.dh + q * H;
  for (Size t = d.length(first) - 1, live = first; t >= 0; t--) {
    while (live < last && d.length(live) > t) live++;
    for (Size q = first; q < live; q++) {
      const Size row = d.row(q, t), before = t ? d.row(q, t - 1) : 0;
      const float *h = t ? d.y + before * d.stride : d.h_0 + q * H, *dy = d.dy + row * d.stride, *c = nullptr;
      float *kept = d.kept + row * width, *dc = nullptr;
      if (Cell::has_c) c = t ? d.kept + before * width + 4 * H : d.c_0 + q * H, dc = d.dc + q * H;
      d.previous[row] = h, sums[q - first] = kept + Cell::first_h * H;
      for (Size u = 0; u < H; u += V)
        Cell::backward(kept + u, h + u, at(c, u), dy + u, d.dh + q * H + u, at(dc, u), H, std::min<Size>(V, H - u));
    }
    add_product(sums, 1, Cell::gates * H, d.packed_hh, dh, live - first, H);
  }
}

// Rows `first` to `last` of dx, the sum over directions.
template <class Cell>
static void input_gradient(const Direction *directions, Size num_directions, float *dx, Size first, Size last) {
  const Size I = directions->I, H = directions->H;
  __builtin_memset(dx + first * I, 0, 4 * (last - first) * I);
  for (Size row = first; row < last; row += TILE)
    for (Size k = 0; k < num_directions; k++) {
      const float *sums[TILE];
      float *out[TILE];
      const Size n = std::min<Size>(TILE, last - row);
      for (Size i = 0; i < n; i++) {
        sums[i] = directions[k].kept + (row + i) * Cell::slots * H;
        out[i] = dx + (row + i) * I;
      }
      add_product(sums, 1, Cell::gates * H, directions[k].packed_ih, out, n, I);
    }
}

// One of the two matrices and its bias: out (rows, columns) = sums^T input.
struct WeightGradient {
  const float *sums;  // (N, ...), `width` apart
  Size N, width, columns, rows, rotate;
  float *out, *bias;  // row r goes to row (r + rotate) % rows of them

  Size place(Size r) const { return (r + rotate) % rows; }

  // Rows `first` to `last` of out. input(n): row n of what the weight multiplies.
  template <class Input>
  void run(Size first, Size last, Input input, float *scratch) const {
    float *const tile = scratch, *const panels = tile + DEPTH * TILE;
    for (Size r = first; r < last; r++) {
      __builtin_memset(out + place(r) * columns, 0, 4 * columns);
      if (bias) bias[place(r)] = 0.f;
    }
    for (Size n = 0; n < N; n += DEPTH) {
      const Size depth = std::min<Size>(DEPTH, N - n);
      pack_rows([&](Size k) { return input(n + k); }, depth, columns, panels);
      for (Size r = first; r < last; r += TILE) {
        const float *a[TILE];
        float *to[TILE];
        const Size height = std::min<Size>(TILE, last - r);
        for (Size i = 0; i < height; i++) a[i] = tile + i, to[i] = out + place(r + i) * columns;
        pack_sums(n, depth, r, height, tile);
        add_product(a, TILE, depth, panels, to, height, columns);
      }
    }
  }

  // (depth, TILE): what the product reads number by number. The bias takes its sum on the way.
  void pack_sums(Size n, Size depth, Size r, Size height, float *tile) const {
    Vector total[TILE / V] = {};
    for (Size k = 0; k < depth; k++) {
      const float *from = sums + (n + k) * width + r;
      for (Size j = 0; j < TILE / V; j++) {
        const Vector part = j * V < height ? load(from + j * V, height - j * V) : Vector{};
        total[j] += part;
        store(tile + k * TILE + j * V, part);
      }
    }
    for (Size i = 0; bias && i < height; i++) bias[place(r + i)] += total[i / V][i % V];
  }
};

template <class Cell>
static void weight_gradients(const Direction &d, Size first, Size last, float *scratch) {
  const Size H = d.H, N = d.walk->rows(), width = Cell::slots * H, rows = Cell::gates * H;
  const WeightGradient of_x{d.kept, N, width, d.I, rows, Cell::first_h ? 2 * H : 0, d.dw_ih, d.db_ih};
  const WeightGradient of_h{d.kept + Cell::first_h * H, N, width, H, rows, 0, d.dw_hh, d.db_hh};
  if (of_x.out) of_x.run(first, last, [&](Size n) { return d.x + n * d.I; }, scratch);
  if (of_h.out) of_h.run(first, last, [&](Size n) { return d.previous[n]; }, scratch);
}

template <class Cell>
static Kernels describe_cell() {
  return {Cell::gates, Cell::slots, packed_size<Cell>, pack<Cell>, forward<Cell>, backward<Cell>, input_gradient<Cell>,
          weight_gradients<Cell>};
}

static InstructionSet describe(const char *name) {
  return {name, V, describe_cell<Lstm>(), describe_cell<Gru>(), panels_size, pack_panels, map};
}

#endif
