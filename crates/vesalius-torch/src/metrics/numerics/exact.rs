//! Squared distances that depend on nothing but the two samples.
//!
//! What products give, ‖x‖² + ‖y‖² − 2x·y, changes in its last digits with the block that a pair stands in, so that a
//! sample
//! and its copy are not equally far from a third. Whatever compares two distances takes products for what they are,
//! numbers
//! with an error, and asks here where that leaves the answer open.

use rayon::prelude::*;
use tch::{Kind, Tensor};

/// Squared Euclidean distance, summed over eight lanes in a fixed order: the same for (a, b), (b, a) and copies of
/// either.
pub fn squared_distance(a: &[f64], b: &[f64]) -> f64 {
    let mut lanes = [0.0_f64; 8];
    let mut add = |a: &[f64], b: &[f64]| {
        for (lane, (x, y)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            let difference = x - y;
            *lane += difference * difference;
        }
    };
    // Eights of a length that the compiler knows become vector instructions.
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    for (a, b) in a.iter().zip(b) {
        add(a, b);
    }
    add(a_rest, b_rest);
    lanes.iter().sum()
}

/// How far the squared distances of rows `centred` `[n, D]` (without a mean that both sides share) can be off that are
/// made
/// of products: what a row adds to the error of each of its distances `[n]`, f64.
///
/// A sum of D products and two norms is off by at most D + 2 units of rounding of 2(‖x‖² + ‖y‖²) (Higham 2002, section
/// 3.1),
/// the entries without their mean by one each; [`squared_distance`] itself, by D + 2 of twice the norms. The factor is
/// above
/// the sum of these.
pub fn slack(centred: &Tensor) -> Tensor {
    let width = centred.size()[1] as f64;
    centred.square().sum_dim_intlist(1, false, Kind::Double) * ((2.0 * width + 32.0) * f64::EPSILON)
        // What underflow takes.
        + f64::MIN_POSITIVE
}

/// Rows of a matrix as plain numbers.
#[derive(Debug)]
pub struct Rows {
    values: Vec<f64>,
    width: usize,
}

impl Rows {
    /// Of `x` `[n, D]`.
    pub fn new(x: &Tensor) -> Self {
        let flat = x.to_kind(Kind::Double).contiguous().view(-1);
        let values = Vec::try_from(flat).expect("a dense tensor");
        Self { values, width: x.size()[1] as usize }
    }

    /// Row `i`.
    pub fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.width..][..self.width]
    }
}

/// Puts exact numbers where `open` `[q, p]` is true in a block of squared distances of rows `x` `[q, D]` to rows `y`
/// `[p, D]`.
pub fn settle(squared: &mut Tensor, open: &Tensor, x: &Tensor, y: &Tensor) {
    let at = open.nonzero();
    if at.size()[0] == 0 {
        return;
    }
    let (rows, columns) = (at.select(1, 0), at.select(1, 1));
    let [first, second] = [&rows, &columns].map(|of| Vec::<i64>::try_from(of).expect("indices"));
    let (x, y) = (Rows::new(x), Rows::new(y));
    let exact: Vec<f64> = first
        .par_iter()
        .zip(&second)
        .map(|(&i, &j)| squared_distance(x.row(i as usize), y.row(j as usize)))
        .collect();
    let exact = Tensor::from_slice(&exact).to_device(squared.device());
    let _ = squared.index_put_(&[Some(rows), Some(columns)], &exact, false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn products_are_off_by_no_more_than_the_slack() {
        tch::manual_seed(11);
        for (width, scale, shift) in
            [(3, 1.0, 0.0), (70, 1e-30, 0.0), (513, 1e30, 0.0), (20, 1e-6, 1.0)]
        {
            let options = (Kind::Double, Device::Cpu);
            let x = Tensor::randn([60, width], options) * scale + shift;
            let mean = x.mean_dim(&[0_i64][..], true, Kind::Double);
            let centred = &x - mean;
            let norms = centred.square().sum_dim_intlist(1, false, Kind::Double);
            let products = norms.unsqueeze(1) + &norms - centred.matmul(&centred.tr()) * 2.0;
            let mut exact = products.copy();
            settle(&mut exact, &products.ones_like().to_kind(Kind::Bool), &x, &x);
            let slack = slack(&centred);
            let off = (products - &exact).abs() - (slack.unsqueeze(1) + slack);
            assert!(off.max().double_value(&[]) <= 0.0, "{width} {scale}");
            assert_eq!(exact.diagonal(0, 0, 1).abs().max().double_value(&[]), 0.0);
            assert_eq!(exact, exact.tr());
        }
    }
}
