// Adam over many tensors in one kernel: what `tch` does not bind. C names, so that the program can reach it without being
// linked with LibTorch (docs/decisions/libtorch.md).

#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>

#include <cstdio>
#include <exception>
#include <vector>

namespace {

std::vector<at::Tensor> list(at::Tensor* const* tensors, int count) {
  std::vector<at::Tensor> all;
  all.reserve(count);
  for (int i = 0; i < count; ++i) {
    all.push_back(*tensors[i]);
  }
  return all;
}

}  // namespace

// `steps`: f32 scalar on the tensors' device, this update counted. Returns 0, or 1 and what went wrong in `said` (at most
// `room` bytes with the ending zero).
extern "C" int vesalius_fused_adam(at::Tensor* const* weights, at::Tensor* const* gradients, at::Tensor* const* means,
                                   at::Tensor* const* squares, int count, at::Tensor* steps, double learning_rate,
                                   double beta1, double beta2, double eps, char* said, int room) {
  try {
    const std::vector<at::Tensor> counters(count, *steps);
    at::_fused_adam_(list(weights, count), list(gradients, count), list(means, count), list(squares, count), {}, counters,
                     learning_rate, beta1, beta2, 0.0, eps, false, false);
    return 0;
  } catch (const std::exception& error) {
    std::snprintf(said, room, "%s", error.what());
    return 1;
  }
}
