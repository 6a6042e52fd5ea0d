//! The data-copying test C_T (Meehan et al. 2020, arXiv:2004.05675, as in dgm-eval): are synthetic samples nearer to
//! the
//! training set than held-out real ones are?

use super::features::FeatureSet;
use super::numerics::kmeans;
use super::numerics::neighbours::{Between, nearest};
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use tch::{Kind, Tensor};
use vesalius_statistics::resample;

/// Cells of C_T.
pub const CELLS: i64 = 3;
/// Principal components that C_T keeps.
pub const COMPONENTS: i64 = 64;
/// Synthetic samples that a cell needs more than, to count.
pub const LEAST_IN_CELL: usize = 20;
/// Divisions into cells that are averaged.
const DIVISIONS: u64 = 10;

/// C_T: far below 0 is copying, far above 0 is underfitting. The mean over [`DIVISIONS`] divisions into cells, because
/// most
/// data has no three clusters that k-means would find again: the reference, which takes one division, gives another
/// number
/// with each seed. `seed`: of the k-means.
///
/// # Errors
/// When the widths differ, or no division has training and held-out samples in every cell and enough synthetic ones in
/// one.
pub fn c_t(
    training: &FeatureSet,
    held_out: &FeatureSet,
    synthetic: &FeatureSet,
    seed: u64,
) -> Result<DataCopying> {
    training.same_width(held_out)?;
    training.same_width(synthetic)?;
    let [t, p, q] = project([training, held_out, synthetic]);
    let (mut divisions, mut refused) = (Vec::new(), Vec::new());
    for index in 0..DIVISIONS {
        match Division::new(&t, &p, &q, &kmeans::centres(&t, CELLS, seed, index)) {
            Ok(division) => divisions.push(division),
            Err(error) => refused.push(error),
        }
    }
    match refused.pop() {
        Some(error) if divisions.is_empty() => Err(error),
        last => Ok(DataCopying {
            divisions,
            refused: refused.len() + usize::from(last.is_some()),
            held_out: held_out.len() as usize,
        }),
    }
}

/// The data-copying test.
#[derive(Debug)]
pub struct DataCopying {
    divisions: Vec<Division>,
    refused: usize,
    held_out: usize,
}

/// One division into cells.
#[derive(Debug)]
struct Division {
    cells: Vec<Cell>,
}

/// A cell that counts: more synthetic samples than [`LEAST_IN_CELL`].
#[derive(Debug)]
struct Cell {
    synthetic: usize,
    /// Each held-out sample of the cell: its row, and how many synthetic ones are farther from the training set (ties:
    /// ½).
    held_out: Vec<(usize, f64)>,
}

impl Division {
    /// With cells given by their centres.
    fn new(
        training: &Tensor,
        held_out: &Tensor,
        synthetic: &Tensor,
        centres: &Tensor,
    ) -> Result<Self> {
        let sets = [training, held_out, synthetic];
        let assigned = sets.map(|x| kmeans::assign(x, centres));
        let mut cells = Vec::new();
        for cell in 0..centres.size()[0] {
            let rows = [0, 1, 2].map(|i| assigned[i].eq(cell).nonzero().squeeze_dim(1));
            let [t, p, q] = [0, 1, 2].map(|i| sets[i].index_select(0, &rows[i]));
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
                    Vec::try_from(found.distances().reshape([-1])).expect("a dense tensor")
                };
                let rows = Vec::<i64>::try_from(&rows[1])?;
                let farther = how_many_farther(&to_training(&q), &to_training(&p));
                let held_out = rows.into_iter().map(|row| row as usize).zip(farther).collect();
                cells.push(Cell { synthetic: made, held_out });
            }
        }
        if cells.is_empty() {
            bail!(
                "C_T: no cell holds more than {LEAST_IN_CELL} synthetic samples, expected more synthetic samples"
            );
        }
        Ok(Self { cells })
    }

    /// Mean of the cells' Z scores, weighted by their held-out samples, each counted `times` often; none when a cell is
    /// left
    /// without one.
    fn weighted(&self, times: &[f64]) -> Option<f64> {
        let (mut sum, mut weight) = (0.0, 0.0);
        for cell in &self.cells {
            let held: f64 = cell.held_out.iter().map(|&(row, _)| times[row]).sum();
            if held == 0.0 {
                return None;
            }
            let farther = cell.held_out.iter().map(|&(row, farther)| times[row] * farther).sum();
            sum += held * z_score(farther, cell.synthetic as f64, held);
            weight += held;
        }
        Some(sum / weight)
    }

    /// Synthetic samples in cells that count.
    fn counted(&self) -> usize {
        self.cells.iter().map(|cell| cell.synthetic).sum()
    }
}

impl DataCopying {
    /// With one division into cells, given by their centres.
    ///
    /// # Errors
    /// When a cell holds no training or no held-out sample, or none holds enough synthetic ones.
    pub fn of_cells(
        training: &Tensor,
        held_out: &Tensor,
        synthetic: &Tensor,
        centres: &Tensor,
    ) -> Result<Self> {
        let division = Division::new(training, held_out, synthetic, centres)?;
        let held_out = held_out.size()[0] as usize;
        Ok(Self { divisions: vec![division], refused: 0, held_out })
    }

    /// C_T of each division.
    pub fn values(&self) -> Vec<f64> {
        let once = vec![1.0; self.held_out];
        let values = self.divisions.iter().map(|division| division.weighted(&once));
        values.map(|value| value.expect("every cell holds held-out samples")).collect()
    }

    /// Mean over the divisions.
    pub fn value(&self) -> f64 {
        let values = self.values();
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// Standard deviation over the divisions; 0 of one.
    pub fn deviation(&self) -> f64 {
        let (values, mean) = (self.values(), self.value());
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        (squares / (values.len() as f64 - 1.0).max(1.0)).sqrt()
    }

    /// Divisions that could not be used, for want of samples in a cell.
    pub fn refused(&self) -> usize {
        self.refused
    }

    /// The least number of synthetic samples that a division counted: those in cells with too few are left out.
    pub fn least_counted(&self) -> usize {
        self.divisions.iter().map(Division::counted).min().unwrap_or_default()
    }

    /// 95 % bootstrap interval over the groups (patients) of the held-out samples; over the samples themselves without
    /// groups. None with fewer than 2 groups, or when one set in ten leaves a cell of every division empty.
    pub fn interval(&self, groups: Option<&[String]>, seed: u64) -> Option<[f64; 2]> {
        let mut members: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for row in 0..self.held_out {
            let group = groups.map_or_else(|| row.to_string(), |groups| groups[row].clone());
            members.entry(group).or_default().push(row);
        }
        let members: Vec<Vec<usize>> = members.into_values().collect();
        resample::interval(members.len(), seed, |drawn| {
            let mut times = vec![0.0; self.held_out];
            for row in drawn.iter().flat_map(|&group| &members[group]) {
                times[*row] += 1.0;
            }
            let found = self.divisions.iter().filter_map(|division| division.weighted(&times));
            let (sum, count) = found.fold((0.0, 0.0), |(sum, count), z| (sum + z, count + 1.0));
            (count > 0.0).then(|| sum / count)
        })
    }
}

/// For each of `held_out`, how many of `synthetic` are greater, ties counting half: their sum is Mann-Whitney's U.
fn how_many_farther(synthetic: &[f64], held_out: &[f64]) -> Vec<f64> {
    let mut sorted = synthetic.to_vec();
    sorted.sort_by(f64::total_cmp);
    held_out
        .iter()
        .map(|value| {
            let below = sorted.partition_point(|other| other < value);
            let not_above = sorted.partition_point(|other| other <= value);
            (sorted.len() - not_above) as f64 + (not_above - below) as f64 / 2.0
        })
        .collect()
}

/// Mann-Whitney's U of `m` synthetic against `n` held-out distances as a Z score, with dgm-eval's continuity
/// correction.
fn z_score(u: f64, m: f64, n: f64) -> f64 {
    let mean = n * m / 2.0 - 0.5;
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    (u - mean) / deviation
}

/// What [`c_t`] looks at: the first 64 principal components of the training set (the first of `sets`), of all three,
/// f64;
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
    fn c_t_is_far_below_zero_for_copies_and_near_it_for_new_samples() {
        tch::manual_seed(7);
        let (train, held_out) = (draw(600, 80), draw(300, 80));
        let copies = train.narrow(0, 0, 300) + draw(300, 80) * 0.05;
        let test = |x: &Tensor| c_t(&set(&train), &set(&held_out), &set(x), 0).unwrap();
        let copied = test(&copies).value();
        assert!(copied < -5.0, "{copied}");
        let fresh = test(&draw(300, 80));
        assert!(fresh.value().abs() < 3.0);
        // Whole patients are drawn: where their samples are alike, the interval is wider than over samples.
        let [low, high] = fresh.interval(None, 0).unwrap();
        assert!(low < fresh.value() && fresh.value() < high && high - low > 1.0, "{low} {high}");
        let mut rows: Vec<(usize, f64)> = fresh.divisions[0]
            .cells
            .iter()
            .flat_map(|cell| cell.held_out.iter().copied())
            .collect();
        rows.sort_by(|a, b| a.1.total_cmp(&b.1));
        let mut patients = vec!["none".to_owned(); 300];
        for (rank, (row, _)) in rows.into_iter().enumerate() {
            patients[row] = (rank / 15).to_string();
        }
        let [least, most] = fresh.interval(Some(&patients), 0).unwrap();
        assert!(most - least > 2.0 * (high - low), "{least} {most}, over samples {low} {high}");
        assert_eq!(fresh.interval(Some(&vec!["one".to_owned(); 300]), 0), None);
    }

    #[test]
    fn the_sum_over_held_out_samples_is_mann_whitneys_u() {
        let (synthetic, held_out) = ([3.0, 1.0, 2.0, 2.0], [2.0, 0.5, 9.0]);
        assert_eq!(how_many_farther(&synthetic, &held_out), [2.0, 4.0, 0.0]);
    }
}
