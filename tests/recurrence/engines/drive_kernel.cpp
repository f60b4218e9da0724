// Runs kernel.cpp on random sizes, for a build with sanitizers: drive_kernel ROUNDS [SEED]
// Every array has its exact size and its own memory, so that a sanitizer sees a single number too far. Passes are
// repeated with other numbers of threads, in a forked child and in several threads at once, and must give the same bits.
// The state of each sequence alone must be the one that it has in its batch.
#include "kernel.cpp"

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <random>

namespace {

std::mt19937 random_bits;
Size draw(Size low, Size high) { return std::uniform_int_distribution<Size>(low, high)(random_bits); }

typedef std::unique_ptr<float[]> Floats;
Floats make(Size size, bool filled = true) {
  Floats floats(new float[size]);
  std::normal_distribution<float> normal;
  for (Size k = 0; filled && k < size; k++) floats[k] = normal(random_bits);
  return floats;
}
Floats copy(const Floats &from, Size size) {
  Floats floats(new float[size]);
  std::memcpy(floats.get(), from.get(), 4 * size);
  return floats;
}

void require(bool holds, const char *what) {
  if (holds) return;
  std::fprintf(stderr, "drive_kernel: %s\n", what);
  std::exit(1);
}
bool same(const Floats &a, const Floats &b, Size size) { return !std::memcmp(a.get(), b.get(), 4 * size); }

struct Case {
  int cell = draw(0, 1);
  Size I = draw(1, 70), H = draw(1, 70), D = draw(1, 2), T = draw(1, 12), B = draw(1, 60), N = 0, G = cell ? 3 : 4;
  bool bias = draw(0, 1), padded = draw(0, 1);
  std::vector<Size> sizes;
  std::vector<Floats> weights;
  std::vector<const float *> places;
  Floats x, h_0, c_0, packed;

  Case() {
    for (Size t = 0, live = B; t < T; t++) sizes.push_back(live = padded ? B : draw(1, live));
    B = sizes[0];
    for (Size live : sizes) N += live;
    for (Size d = 0; d < D; d++)
      for (int k = 0; k < 4; k++) {
        weights.push_back(make(parameter_size(k)));
        places.push_back(k > 1 && !bias ? nullptr : weights.back().get());
      }
    x = make(N * I), h_0 = make(D * B * H), c_0 = make(D * B * H);
    packed = make(D * seqtrain_packed_size(cell, I, H), false);
    require(!seqtrain_pack(cell, I, H, D, draw(1, 4), places.data(), packed.get()), "pack failed");
  }
  // weight_ih, weight_hh, bias_ih, bias_hh
  Size parameter_size(int k) const { return G * H * (k == 0 ? I : k == 1 ? H : 1); }
  const Size *batch_sizes() const { return padded ? nullptr : sizes.data(); }
};

struct Results {
  Floats y, h_n, c_n, kept;
  explicit Results(const Case &c)
      : y(make(c.N * c.D * c.H, false)), h_n(make(c.D * c.B * c.H, false)), c_n(make(c.D * c.B * c.H, false)),
        kept(make(c.D * c.N * seqtrain_kept_size(c.cell, c.H), false)) {}
  bool equal(const Results &other, const Case &c) const {
    return same(y, other.y, c.N * c.D * c.H) && same(h_n, other.h_n, c.D * c.B * c.H) &&
           (c.cell || same(c_n, other.c_n, c.D * c.B * c.H));
  }
};

Results forward(const Case &c, Size num_threads, bool keep) {
  Results results(c);
  require(!seqtrain_forward(c.cell, c.I, c.H, c.D, c.T, c.B, num_threads, c.batch_sizes(), c.packed.get(), c.x.get(),
                            c.h_0.get(), c.cell ? nullptr : c.c_0.get(), results.y.get(), results.h_n.get(),
                            c.cell ? nullptr : results.c_n.get(), keep ? results.kept.get() : nullptr),
          "forward failed");
  return results;
}

// All gradients of one pass, one after the other.
std::vector<Floats> backward(const Case &c, const Results &results, Size num_threads, const Floats &dy) {
  const Size states = c.D * c.B * c.H;
  std::vector<Floats> found;
  found.push_back(copy(c.h_0, states)), found.push_back(copy(c.c_0, states)), found.push_back(make(c.N * c.I, false));
  std::vector<float *> places;
  for (Size d = 0; d < c.D; d++)
    for (int k = 0; k < 4; k++) {
      found.push_back(make(c.parameter_size(k), false));
      places.push_back(k > 1 && !c.bias ? nullptr : found.back().get());
    }
  const Floats kept = copy(results.kept, c.D * c.N * seqtrain_kept_size(c.cell, c.H));
  require(!seqtrain_backward(c.cell, c.I, c.H, c.D, c.T, c.B, num_threads, c.batch_sizes(), c.places.data(),
                             c.x.get(), c.h_0.get(), c.cell ? nullptr : c.c_0.get(), results.y.get(), kept.get(),
                             dy.get(), found[0].get(), c.cell ? nullptr : found[1].get(), found[2].get(),
                             places.data()),
          "backward failed");
  return found;
}

// Sequence q of a case, alone: its rows, and its states out of each direction's B.
void compare_alone(const Case &c, const Results &whole, Size q) {
  Size length = 0, offset = 0;
  while (length < c.T && c.sizes[length] > q) length++;
  Floats x(new float[length * c.I]), h_0(new float[c.D * c.H]), c_0(new float[c.D * c.H]), y = make(length * c.D * c.H),
      h_n = make(c.D * c.H), c_n = make(c.D * c.H);
  for (Size t = 0; t < length; offset += c.sizes[t++])
    std::memcpy(&x[t * c.I], &c.x[(offset + q) * c.I], 4 * c.I);
  for (Size d = 0; d < c.D; d++) {
    std::memcpy(&h_0[d * c.H], &c.h_0[(d * c.B + q) * c.H], 4 * c.H);
    std::memcpy(&c_0[d * c.H], &c.c_0[(d * c.B + q) * c.H], 4 * c.H);
  }
  require(!seqtrain_forward(c.cell, c.I, c.H, c.D, length, 1, 1, nullptr, c.packed.get(), x.get(), h_0.get(),
                            c.cell ? nullptr : c_0.get(), y.get(), h_n.get(), c.cell ? nullptr : c_n.get(), nullptr),
          "forward failed");
  offset = 0;
  for (Size t = 0; t < length; offset += c.sizes[t++])
    require(!std::memcmp(&y[t * c.D * c.H], &whole.y[(offset + q) * c.D * c.H], 4 * c.D * c.H), "alone it differs");
}

void run_forked(const Case &c, const Results &expected) {
  const pid_t child = fork();
  if (child == 0) _exit(forward(c, 3, false).equal(expected, c) ? 0 : 1);
  int status = 1;
  waitpid(child, &status, 0);
  require(status == 0, "a forked child differs");
}

void run_at_once(const Case &c, const Results &expected) {
  std::vector<std::thread> threads;
  for (int k = 0; k < 4; k++)
    threads.emplace_back([&] { require(forward(c, 3, true).equal(expected, c), "threads at once differ"); });
  for (auto &thread : threads) thread.join();
}

}  // namespace

int main(int, char **arguments) {
  const Size rounds = std::atol(arguments[1]);
  random_bits.seed(arguments[2] ? std::atol(arguments[2]) : 0);
  for (Size round = 0; round < rounds; round++) {
    products_of_a_thread = draw(0, 1) ? 1 : 100000;
    const int wanted = draw(0, 2);
    for (int k = wanted; k >= 0 && !seqtrain_choose(k); k--) {
    }
    const Case c;
    const Results results = forward(c, 1, true);
    require(forward(c, draw(2, 7), draw(0, 1)).equal(results, c), "another number of threads differs");
    compare_alone(c, results, draw(0, c.B - 1));
    const Floats dy = make(c.N * c.D * c.H);
    const auto one = backward(c, results, 1, dy), many = backward(c, results, draw(2, 7), dy);
    require(same(one[2], many[2], c.N * c.I) && same(one[3], many[3], c.G * c.H * c.I), "gradients differ");
    if (round % 50 == 0) run_forked(c, results);
    if (round % 20 == 0) run_at_once(c, results);
  }
  const Size growing[] = {2, 5};
  require(seqtrain_forward(0, 1, 1, 1, 2, 2, 1, growing, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                           nullptr) == 2,
          "batch sizes that grow were taken");
  std::printf("%ld rounds\n", static_cast<long>(rounds));
}
