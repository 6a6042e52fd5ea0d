//! Going backwards through a layer by hand, so that the gradient has derivatives of its own.

use tch::Tensor;

/// Gradient of the sum of `function(x)` × `gradient` with respect to `x`: as a function of both, whose own derivatives
/// exist. What `gradient` and `x` depend on stays out of it, so that a chain of these goes backwards through a network.
pub fn pulled_back(x: &Tensor, gradient: &Tensor, function: impl Fn(&Tensor) -> Tensor) -> Tensor {
    // A name of its own for x: `gradient` depends on x itself by the layers behind, and that path must not be taken.
    let x = x.alias();
    // In channels-last order, the one that both lie in on a CPU: no copies there.
    let flat = |x: &Tensor| x.permute([0, 2, 3, 1]).reshape([-1]);
    let product = flat(&function(&x)).dot(&flat(gradient));
    let [pulled] = <[Tensor; 1]>::try_from(Tensor::run_backward(&[product], &[x], true, true))
        .expect("a gradient for one input");
    pulled
}
