// Instance normalisation and LeakyReLU of channels-last activations on a CPU, as one operation of autograd: LibTorch's
// own two go through memory three times as often (bench/README.md). Statistics are taken in two passes, sums of at most
// 64 pixels in the kind that is computed in, sums of those in f64: nothing depends on the number of threads.

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <vector>

// What a round of the loop writes, no other round reads.
#if defined(__clang__)
#define ONE_BY_ONE _Pragma("clang loop vectorize(assume_safety)")
#else
#define ONE_BY_ONE _Pragma("GCC ivdep")
#endif

namespace {

constexpr int64_t PIXELS = 64;

// What a kind of activations is computed in, and how it is read and written.
struct Bf16 {
  using Stored = uint16_t;
  using Computed = float;
  static float read(uint16_t value) {
    const uint32_t bits = static_cast<uint32_t>(value) << 16;
    float out;
    __builtin_memcpy(&out, &bits, sizeof out);
    return out;
  }
  // To the nearest, ties to even; what is not a number stays so.
  static uint16_t write(float value) {
    uint32_t bits;
    __builtin_memcpy(&bits, &value, sizeof bits);
    const uint32_t rounded = (bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16;
    return static_cast<uint16_t>((bits & 0x7fffffffu) > 0x7f800000u ? 0x7fc0u : rounded);
  }
};

template <typename T>
struct Plain {
  using Stored = T;
  using Computed = T;
  static T read(T value) { return value; }
  static T write(T value) { return value; }
};

// `channels` of one sample's pixels, `stride` values from pixel to pixel.
template <typename K>
struct Part {
  using S = typename K::Stored;
  using C = typename K::Computed;
  int64_t pixels, channels, stride;

  // Sums of `of(pixel, channel)` into `out`, a sum for each channel.
  template <typename F>
  __attribute__((always_inline)) void sum(C* __restrict room, double* __restrict out, F of) const {
    std::fill(out, out + channels, 0.0);
    for (int64_t start = 0; start < pixels; start += PIXELS) {
      std::fill(room, room + channels, C(0));
      for (int64_t p = start; p < std::min(pixels, start + PIXELS); ++p) {
        ONE_BY_ONE
        for (int64_t c = 0; c < channels; ++c) {
          room[c] += of(p, c);
        }
      }
      for (int64_t c = 0; c < channels; ++c) {
        out[c] += room[c];
      }
    }
  }
};

// Mean and 1 / standard deviation of each channel, and LeakyReLU(weight · (x − mean) / deviation + bias).
template <typename K>
struct Forward {
  Part<K> part;
  const typename K::Stored* x;
  typename K::Stored* y;
  typename K::Computed *mean, *inverse;
  const typename K::Computed *weight, *bias;
  double eps;
  typename K::Computed slope;
  // Of as many values as there are channels.
  typename K::Computed *room, *scale, *shift;
  double* sums;

  __attribute__((always_inline)) void run() const {
    using C = typename K::Computed;
    const int64_t n = part.channels, stride = part.stride;
    const auto* __restrict from = x;
    C* __restrict centre = mean;
    part.sum(room, sums, [=](int64_t p, int64_t c) { return K::read(from[p * stride + c]); });
    for (int64_t c = 0; c < n; ++c) {
      centre[c] = static_cast<C>(sums[c] / part.pixels);
    }
    part.sum(room, sums, [=](int64_t p, int64_t c) {
      const C apart = K::read(from[p * stride + c]) - centre[c];
      return apart * apart;
    });
    for (int64_t c = 0; c < n; ++c) {
      inverse[c] = static_cast<C>(1.0 / std::sqrt(sums[c] / part.pixels + eps));
      scale[c] = inverse[c] * weight[c];
      shift[c] = bias[c] - centre[c] * scale[c];
    }
    auto* __restrict to = y;
    const C* __restrict a = scale;
    const C* __restrict b = shift;
    const C below = slope;
    for (int64_t p = 0; p < part.pixels; ++p) {
      ONE_BY_ONE
      for (int64_t c = 0; c < n; ++c) {
        const C z = K::read(from[p * stride + c]) * a[c] + b[c];
        to[p * stride + c] = K::write(z * (z > C(0) ? C(1) : below));
      }
    }
  }
};

// Gradients by x, and of this sample by weight and bias.
template <typename K>
struct Backward {
  Part<K> part;
  const typename K::Stored *x, *dy;
  typename K::Stored* dx;
  const typename K::Computed *mean, *inverse, *weight, *bias;
  double *dweight, *dbias;
  typename K::Computed slope;
  typename K::Computed *room, *scale, *shift, *by_g, *by_x, *rest;

  __attribute__((always_inline)) void run() const {
    using C = typename K::Computed;
    const int64_t n = part.channels, stride = part.stride;
    const auto* __restrict from = x;
    const auto* __restrict back = dy;
    for (int64_t c = 0; c < n; ++c) {
      scale[c] = inverse[c] * weight[c];
      shift[c] = bias[c] - mean[c] * scale[c];
    }
    const C* __restrict a = scale;
    const C* __restrict b = shift;
    const C below = slope;
    const C* __restrict centre = mean;
    const C* __restrict over = inverse;
    // The gradient behind LeakyReLU.
    const auto g = [=](int64_t p, int64_t c) {
      const C z = K::read(from[p * stride + c]) * a[c] + b[c];
      const C dz = K::read(back[p * stride + c]);
      return dz * (z > C(0) ? C(1) : below);
    };
    part.sum(room, dbias, g);
    part.sum(room, dweight, [=](int64_t p, int64_t c) {
      return g(p, c) * ((K::read(from[p * stride + c]) - centre[c]) * over[c]);
    });
    // dx = scale · (g − mean of g − x̂ · mean of g·x̂), as g · by_g + x · by_x + rest.
    for (int64_t c = 0; c < n; ++c) {
      const double along = dweight[c] / part.pixels * inverse[c];
      by_g[c] = a[c];
      by_x[c] = static_cast<C>(-a[c] * along);
      rest[c] = static_cast<C>(-a[c] * (dbias[c] / part.pixels - centre[c] * along));
    }
    auto* __restrict to = dx;
    const C* __restrict u = by_g;
    const C* __restrict v = by_x;
    const C* __restrict w = rest;
    for (int64_t p = 0; p < part.pixels; ++p) {
      ONE_BY_ONE
      for (int64_t c = 0; c < n; ++c) {
        to[p * stride + c] = K::write(g(p, c) * u[c] + K::read(from[p * stride + c]) * v[c] + w[c]);
      }
    }
  }
};

// The same for wider registers, of which the processor's are taken.
#if defined(__x86_64__) && defined(__GNUC__)
template <typename T>
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"), flatten)) void run_512(const T& task) { task.run(); }
template <typename T>
__attribute__((target("avx2,fma"), flatten)) void run_256(const T& task) { task.run(); }
template <typename T>
void run(const T& task) {
  static const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  static const bool middle = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  wide ? run_512(task) : middle ? run_256(task) : task.run();
}
#else
template <typename T>
void run(const T& task) { task.run(); }
#endif

// Samples and blocks of their channels, each a task.
struct Tasks {
  int64_t samples, channels, pixels, block, blocks;

  explicit Tasks(const at::Tensor& x)
      : samples(x.size(0)), channels(x.size(1)), pixels(x.size(2) * x.size(3)),
        block(std::min<int64_t>(channels, 64)), blocks((channels + block - 1) / block) {}

  // `f(sample, first channel, channels)` on all threads.
  template <typename F>
  void each(F f) const {
    // A thread more has to be worth waking it.
    const int64_t grain = std::max<int64_t>(1, 16384 / std::max<int64_t>(1, pixels * block));
    at::parallel_for(0, samples * blocks, grain, [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t first = i % blocks * block;
        f(i / blocks, first, std::min(block, channels - first));
      }
    });
  }
};

template <typename K>
void forward(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, double eps, double slope,
             const at::Tensor& y, const at::Tensor& mean, const at::Tensor& inverse) {
  using S = typename K::Stored;
  using C = typename K::Computed;
  const Tasks tasks(x);
  const auto* from = static_cast<const S*>(x.const_data_ptr());
  auto* to = static_cast<S*>(y.mutable_data_ptr());
  auto *means = mean.mutable_data_ptr<C>(), *inverses = inverse.mutable_data_ptr<C>();
  const auto *weights = weight.const_data_ptr<C>(), *biases = bias.const_data_ptr<C>();
  tasks.each([&](int64_t sample, int64_t first, int64_t channels) {
    C room[3 * 64];
    double sums[64];
    const int64_t at = sample * tasks.pixels * tasks.channels + first, of = sample * tasks.channels + first;
    run(Forward<K>{{tasks.pixels, channels, tasks.channels}, from + at, to + at, means + of, inverses + of,
                   weights + first, biases + first, eps, static_cast<C>(slope), room, room + 64, room + 128, sums});
  });
}

template <typename K>
void backward(const at::Tensor& x, const at::Tensor& dy, const at::Tensor& weight, const at::Tensor& bias, double slope,
              const at::Tensor& mean, const at::Tensor& inverse, const at::Tensor& dx, const at::Tensor& dweight,
              const at::Tensor& dbias) {
  using S = typename K::Stored;
  using C = typename K::Computed;
  const Tasks tasks(x);
  const auto *from = static_cast<const S*>(x.const_data_ptr()), *back = static_cast<const S*>(dy.const_data_ptr());
  auto* to = static_cast<S*>(dx.mutable_data_ptr());
  const auto *means = mean.const_data_ptr<C>(), *inverses = inverse.const_data_ptr<C>();
  const auto *weights = weight.const_data_ptr<C>(), *biases = bias.const_data_ptr<C>();
  auto *dweights = dweight.mutable_data_ptr<double>(), *dbiases = dbias.mutable_data_ptr<double>();
  tasks.each([&](int64_t sample, int64_t first, int64_t channels) {
    C room[6 * 64];
    const int64_t at = sample * tasks.pixels * tasks.channels + first, of = sample * tasks.channels + first;
    run(Backward<K>{{tasks.pixels, channels, tasks.channels}, from + at, back + at, to + at, means + of, inverses + of,
                    weights + first, biases + first, dweights + of, dbiases + of, static_cast<C>(slope), room,
                    room + 64, room + 128, room + 192, room + 256, room + 320});
  });
}

struct NormActivation : torch::autograd::Function<NormActivation> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& given, const at::Tensor& weight,
                            const at::Tensor& bias, double eps, double slope) {
    const at::Tensor x = given.contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor y = at::empty_like(x, x.options(), at::MemoryFormat::ChannelsLast);
    const at::Tensor mean = at::empty({x.size(0), x.size(1)}, weight.options()), inverse = at::empty_like(mean);
    switch (x.scalar_type()) {
      case at::kBFloat16: ::forward<Bf16>(x, weight, bias, eps, slope, y, mean, inverse); break;
      case at::kFloat: ::forward<Plain<float>>(x, weight, bias, eps, slope, y, mean, inverse); break;
      case at::kDouble: ::forward<Plain<double>>(x, weight, bias, eps, slope, y, mean, inverse); break;
      default: TORCH_CHECK(false, "a norm of ", x.scalar_type(), ": expected bf16, f32 or f64");
    }
    context->save_for_backward({x, weight, bias, mean, inverse});
    context->saved_data["slope"] = slope;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "this norm can be differentiated once only");
    const auto saved = context->get_saved_variables();
    const at::Tensor &x = saved[0], &weight = saved[1], &bias = saved[2], &mean = saved[3], &inverse = saved[4];
    const double slope = context->saved_data["slope"].toDouble();
    const at::Tensor dy = gradients[0].contiguous(at::MemoryFormat::ChannelsLast);
    const at::Tensor dx = at::empty_like(x, x.options(), at::MemoryFormat::ChannelsLast);
    const at::Tensor dweight = at::empty(mean.sizes(), mean.options().dtype(at::kDouble)), dbias = at::empty_like(dweight);
    switch (x.scalar_type()) {
      case at::kBFloat16: ::backward<Bf16>(x, dy, weight, bias, slope, mean, inverse, dx, dweight, dbias); break;
      case at::kFloat: ::backward<Plain<float>>(x, dy, weight, bias, slope, mean, inverse, dx, dweight, dbias); break;
      default: ::backward<Plain<double>>(x, dy, weight, bias, slope, mean, inverse, dx, dweight, dbias);
    }
    const auto all = [&](const at::Tensor& each) { return each.sum(0).to(weight.scalar_type()); };
    return {dx, all(dweight), all(dbias), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

// `x` `[N, C, H, W]` on a CPU, bf16, f32 or f64; weight and bias `[C]` in f32 (f64 for f64). Null, and what went wrong in
// `said` (at most `room` bytes with the ending zero), where it fails.
extern "C" at::Tensor* vesalius_norm_activation(at::Tensor* x, at::Tensor* weight, at::Tensor* bias, double eps,
                                                double slope, char* said, int room) {
  try {
    return new at::Tensor(NormActivation::apply(*x, *weight, *bias, eps, slope));
  } catch (const std::exception& error) {
    std::snprintf(said, room, "%s", error.what());
    return nullptr;
  }
}
