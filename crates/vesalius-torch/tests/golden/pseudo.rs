//! The numbers of `golden/pseudo.py` as tensors.

use tch::Tensor;
use vesalius_testing::pseudo::uniform;

/// Uniform in [-1, 1), times `scale`, as f32.
pub fn tensor(name: &str, shape: &[i64], scale: f64) -> Tensor {
    let values: Vec<f32> =
        uniform(name, count(shape)).into_iter().map(|value| (value * scale) as f32).collect();
    Tensor::from_slice(&values).reshape(shape)
}

/// As [`tensor`], in f64.
pub fn double(name: &str, shape: &[i64]) -> Tensor {
    Tensor::from_slice(&uniform(name, count(shape))).reshape(shape)
}

fn count(shape: &[i64]) -> usize {
    shape.iter().product::<i64>() as usize
}
