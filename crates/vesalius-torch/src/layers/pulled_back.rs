//! Going backwards through a layer by hand, so that the gradient has derivatives of its own.

use tch::{Kind, Tensor};

/// Gradient of the sum of `function(x)` × `gradient` with respect to `x`: as a function of both, whose own derivatives
/// exist. What `gradient` and `x` depend on stays out of it, so that a chain of these goes backwards through a network.
pub fn pulled_back(x: &Tensor, gradient: &Tensor, function: impl Fn(&Tensor) -> Tensor) -> Tensor {
    // A name of its own for x: `gradient` depends on x itself by the layers behind, and that path must not be taken.
    let x = x.alias();
    let y = function(&x);
    // Only the product's derivatives are of use; its value is not read.
    let product = if y.kind() == Kind::BFloat16 {
        // oneDNN's dot product in bf16 takes one thread and three times as long (`bench/README.md`).
        (y * gradient).sum(Kind::BFloat16)
    } else {
        // In channels-last order, the one that both lie in on a CPU: no copies there.
        let flat = |x: &Tensor| {
            let order: Vec<i64> = [0].into_iter().chain(2..x.dim() as i64).chain([1]).collect();
            x.permute(&order[..]).reshape([-1])
        };
        flat(&y).dot(&flat(gradient))
    };
    let [pulled] = <[Tensor; 1]>::try_from(Tensor::run_backward(&[product], &[x], true, true))
        .expect("a gradient for one input");
    pulled
}
