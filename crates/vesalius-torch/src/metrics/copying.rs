//! Is a synthetic set a copy of the training set? AuthPct (Alaa et al. 2022, arXiv:2102.08921, as in dgm-eval) and C_T
//! (Meehan et al. 2020, arXiv:2004.05675, as in dgm-eval).

use super::features::FeatureSet;
use super::kmeans;
use super::neighbours::{Between, nearest};
use anyhow::{Result, bail};
use tch::{Kind, Tensor};
use vesalius_study::statistics::rank::mann_whitney;

/// Cells of C_T.
pub const CELLS: i64 = 3;
/// Principal components that C_T keeps.
pub const COMPONENTS: i64 = 64;
/// Synthetic samples that a cell needs more than, to count.
const LEAST_IN_CELL: usize = 20;

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
    let train = training.matrix();
    let own = nearest(train, train, 1, Between::OneSet).radius();
    let found = nearest(synthetic.matrix(), train, 1, Between::TwoSets);
    let rows = found.indices.squeeze_dim(1);
    Ok(Authenticity {
        distance: found.radius(),
        own_distance: own.index_select(0, &rows),
        nearest: rows,
    })
}

/// C_T: are synthetic samples nearer to the training set than held-out real ones are? Far below 0 is copying, far above
/// 0 is underfitting. `seed`: of the cells' k-means.
///
/// # Errors
/// When the widths differ, or a cell holds no training or no held-out sample.
pub fn c_t(
    training: &FeatureSet,
    held_out: &FeatureSet,
    synthetic: &FeatureSet,
    seed: u64,
) -> Result<f64> {
    training.same_width(held_out)?;
    training.same_width(synthetic)?;
    let [t, p, q] = project([training, held_out, synthetic]);
    let centres = kmeans::centres(&t, CELLS, seed);
    c_t_of_cells(&t, &p, &q, &centres)
}

/// Weighted mean of the cells' Z scores, cells being those of `centres`.
///
/// # Errors
/// When a cell holds no training or no held-out sample, or none holds enough synthetic ones.
pub fn c_t_of_cells(
    training: &Tensor,
    held_out: &Tensor,
    synthetic: &Tensor,
    centres: &Tensor,
) -> Result<f64> {
    let [t, p, q] = [training, held_out, synthetic];
    let cells = [t, p, q].map(|x| kmeans::assign(x, centres));
    let (mut sum, mut weight) = (0.0, 0.0);
    for cell in 0..centres.size()[0] {
        let [t, p, q] = [0, 1, 2].map(|i| {
            let rows = cells[i].eq(cell).nonzero().squeeze_dim(1);
            [t, p, q][i].index_select(0, &rows)
        });
        let [trained, held, made] = [&t, &p, &q].map(|x| x.size()[0] as usize);
        if trained == 0 || held == 0 {
            bail!(
                "C_T: cell {} of {} holds {trained} training and {held} held-out samples, expected at least one of \
                 each: more held-out samples are needed",
                cell + 1,
                centres.size()[0]
            );
        }
        if made > LEAST_IN_CELL {
            let to_training = |x: &Tensor| -> Vec<f64> {
                let found = nearest(x, &t, 1, Between::TwoSets);
                Vec::try_from(found.distances.reshape([-1])).expect("a dense tensor")
            };
            let z = z_score(&to_training(&q), &to_training(&p));
            sum += held as f64 * z;
            weight += held as f64;
        }
    }
    if weight == 0.0 {
        bail!(
            "C_T: no cell holds more than {LEAST_IN_CELL} synthetic samples, expected more synthetic samples"
        );
    }
    Ok(sum / weight)
}

/// Mann-Whitney's U of synthetic against held-out distances as a Z score, with dgm-eval's continuity correction.
fn z_score(synthetic: &[f64], held_out: &[f64]) -> f64 {
    let (m, n) = (synthetic.len() as f64, held_out.len() as f64);
    let mean = n * m / 2.0 - 0.5;
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    (mann_whitney(synthetic, held_out) - mean) / deviation
}

/// What [`c_t`] looks at: the first 64 principal components of the training set (the first of `sets`), of all three, f64;
/// sets that narrow stay as they are.
pub fn project(sets: [&FeatureSet; 3]) -> [Tensor; 3] {
    let training = sets[0];
    if training.width() <= COMPONENTS {
        return sets.map(|set| set.matrix().to_kind(Kind::Double));
    }
    let mean = training.mean();
    let kept = COMPONENTS.min(training.len());
    let components = if training.len() < training.width() {
        // Right singular vectors through the smaller Gram matrix.
        let x = training.matrix().to_kind(Kind::Double) - &mean;
        let (values, vectors) = x.matmul(&x.tr()).linalg_eigh("L");
        let from = training.len() - kept;
        let scale = values.narrow(0, from, kept).clamp_min(f64::MIN_POSITIVE).sqrt();
        x.tr().matmul(&vectors.narrow(1, from, kept)) / scale
    } else {
        let scatter = training
            .blocks()
            .map(|block| {
                let x = block - &mean;
                x.tr().matmul(&x)
            })
            .reduce(|a, b| a + b)
            .expect("at least one block");
        let (_, vectors) = scatter.linalg_eigh("L");
        vectors.narrow(1, training.width() - kept, kept)
    };
    sets.map(|set| {
        let parts: Vec<Tensor> =
            set.blocks().map(|block| (block - &mean).matmul(&components)).collect();
        Tensor::cat(&parts, 0)
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
    fn c_t_is_far_below_zero_for_copies_and_near_it_for_new_samples() {
        tch::manual_seed(7);
        let (train, held_out) = (draw(600, 80), draw(300, 80));
        let copies = train.narrow(0, 0, 300) + draw(300, 80) * 0.05;
        let c_t = |x: &Tensor| c_t(&set(&train), &set(&held_out), &set(x), 0).unwrap();
        assert!(c_t(&copies) < -5.0, "{}", c_t(&copies));
        assert!(c_t(&draw(300, 80)).abs() < 3.0);
    }
}
