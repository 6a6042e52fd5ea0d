//! Is a synthetic set a copy of the training set? AuthPct (Alaa et al. 2022, arXiv:2102.08921, as in dgm-eval).

use super::features::FeatureSet;
use super::numerics::neighbours::{Between, nearest};
use anyhow::Result;
use tch::{Kind, Tensor};

/// Where each synthetic sample stands to the training set.
#[derive(Debug)]
pub struct Authenticity {
    /// Row of the nearest training sample `[M]`.
    pub nearest: Tensor,
    /// Distance to it `[M]`, f64.
    pub distance: Tensor,
    /// Distance of that training sample to its own nearest training sample `[M]`.
    pub own_distance: Tensor,
}

impl Authenticity {
    /// 1 where the sample is authentic: farther from its nearest training sample than that is from another one; else
    /// 0. `[M]`, f64; 100 times the mean is AuthPct.
    pub fn authentic(&self) -> Tensor {
        self.own_distance.lt_tensor(&self.distance).to_kind(Kind::Double)
    }

    /// Distance in units of the training sample's own: the smaller, the more of a copy. `[M]`.
    pub fn ratio(&self) -> Tensor {
        &self.distance / self.own_distance.clamp_min(f64::MIN_POSITIVE)
    }
}

/// Compares a synthetic set with the training set.
///
/// # Errors
/// When the widths differ.
pub fn authenticity(training: &FeatureSet, synthetic: &FeatureSet) -> Result<Authenticity> {
    training.same_width(synthetic)?;
    let train = &training.matrix();
    let own = nearest(train, train, 1, Between::OneSet).radius();
    let found = nearest(&synthetic.matrix(), train, 1, Between::TwoSets);
    let rows = found.indices.squeeze_dim(1);
    Ok(Authenticity {
        distance: found.radius(),
        own_distance: own.index_select(0, &rows),
        nearest: rows,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    fn draw(n: i64, d: i64) -> Tensor {
        Tensor::randn([n, d], (Kind::Float, Device::Cpu))
    }

    fn set(x: &Tensor) -> FeatureSet {
        FeatureSet::new("real", x).unwrap()
    }

    #[test]
    fn copies_are_not_authentic_and_new_samples_mostly_are() {
        tch::manual_seed(6);
        let train = draw(300, 80);
        let copies = train.narrow(0, 0, 100) + draw(100, 80) * 0.01;
        let authentic = |x: &Tensor| {
            authenticity(&set(&train), &set(x)).unwrap().authentic().mean(Kind::Double)
        };
        assert_eq!(authentic(&copies).double_value(&[]), 0.0);
        assert!(authentic(&draw(200, 80)).double_value(&[]) > 0.4);
    }

    #[test]
    fn a_copy_of_a_sample_that_stands_twice_is_not_authentic() {
        tch::manual_seed(16);
        // Far from 0, where products leave a distance between copies.
        let once = draw(40, 30) + 50.0;
        let train = Tensor::cat(&[&once, &once], 0);
        let found = authenticity(&set(&train), &set(&once)).unwrap();
        assert_eq!(found.authentic().sum(Kind::Double).double_value(&[]), 0.0);
        assert_eq!(found.distance.max().double_value(&[]), 0.0);
    }
}
