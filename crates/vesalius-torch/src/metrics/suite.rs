//! All fidelity, diversity and copying scores of one comparison, a method each, with their protocols.

use super::copying::authenticity;
use super::data_copying::{self, c_t};
use super::extrapolate::{draws, fd_infinity, real_against_real, relative_distance};
use super::features::FeatureSet;
use super::frechet::{self, Divisor, of_sets};
use super::inception_score::{SPLITS, inception_score};
use super::kernel::{SUBSETS, Subset, kernel_distance};
use super::manifold::{NEIGHBOURS, manifold};
use super::numerics::draw::{Draw, SEED};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use tch::{Kind, Tensor};
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_statistics::resample;

/// Seed of everything drawn here.
const DRAWS: u64 = 0;
/// Resamples of a Fréchet distance's interval: each is a whole distance.
const FRECHET_RESAMPLES: u64 = 100;
/// The same of FD∞, of which each is 15 distances (one draw of its subsets).
const INFINITY_RESAMPLES: u64 = 20;

/// What is compared.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// Training samples.
    pub real: &'a FeatureSet,
    /// Generated samples.
    pub synthetic: &'a FeatureSet,
    /// Real samples that trained nothing, where there are any.
    pub held_out: Option<&'a FeatureSet>,
    /// Logits of the synthetic samples, where the extractor is a classifier.
    pub logits: Option<&'a Tensor>,
    /// Group (patient) of each real sample, for resampling.
    pub real_groups: Option<&'a [String]>,
    /// Group of each held-out sample, likewise.
    pub held_out_groups: Option<&'a [String]>,
    /// Name of the extractor with its digest, for scores.
    pub extractor: &'a str,
    /// Whose input treatment, where there are several.
    pub dialect: Option<&'a str>,
    /// What happened to images, against which real ones.
    pub treatment: &'a str,
    /// Whether the extractor is FID's.
    pub is_fid: bool,
    /// Size of KID's subsets.
    pub kid_subset: Subset,
    /// Divisor of covariances.
    pub divisor: Divisor,
    /// Whether distances get an interval, which costs a hundred of them.
    pub intervals: bool,
}

impl Comparison<'_> {
    /// A score of this comparison: the name of the metric, its value and how it was measured.
    pub(super) fn score(&self, metric: &str, value: f64, how: &str) -> Score {
        Score {
            extractor: Some(self.extractor.to_owned()),
            dialect: self.dialect.map(ToOwned::to_owned),
            real_count: Some(self.real.len() as usize),
            synthetic_count: Some(self.synthetic.len() as usize),
            ..Score::new(metric, value, format!("{}; {how}", self.treatment))
        }
    }

    /// The Fréchet distance; FID with FID's own network.
    ///
    /// # Errors
    /// When the sets do not match or the distance is no finite number.
    pub fn frechet_distance(&self) -> Result<Vec<Score>> {
        let name = frechet::name(self.is_fid, self.divisor);
        let divisor = match self.divisor {
            Divisor::Unbiased => "N-1",
            Divisor::Biased => "N",
        };
        let how = format!("covariance divided by {divisor}");
        let mut scores = self.distance(name, &how, FRECHET_RESAMPLES, &|real, synthetic| {
            of_sets(real, synthetic, self.divisor)
        })?;
        let own = real_against_real(self.real, self.divisor)?;
        for score in &mut scores {
            score.note.clone_from(&own);
        }
        Ok(scores)
    }

    /// The Fréchet distance extrapolated to infinitely many samples.
    ///
    /// # Errors
    /// When the sets do not match, are too small, or the result is no finite number.
    pub fn fd_infinity(&self) -> Result<Vec<Score>> {
        let found = fd_infinity(self.real, self.synthetic, draws(self.synthetic.len()))?;
        let width = self.real.width();
        let mut how = format!(
            "15 sizes from {} to all samples, line on 1/n read at 0, mean of {} draws of the subsets",
            found.smallest,
            found.draws.len()
        );
        if (found.smallest as i64) <= width {
            let _ = write!(
                how,
                "; the smallest subset has no more samples than features have dimensions ({width}), where distances are no \
                 line on 1/n"
            );
        }
        let mut score = self.with_interval(
            ("fd_infinity", found.value(), &how),
            INFINITY_RESAMPLES,
            &|real, synthetic| Ok(fd_infinity(real, synthetic, 1)?.value()),
        )?;
        score.standard_error = found.standard_error();
        score.note = found.deviation().map(|deviation| {
            format!("few samples: single draws of the subsets differ by {deviation:.4}, standard deviation")
        });
        finite(vec![score])
    }

    /// The Fréchet distance relative to that of two halves of the real set.
    ///
    /// # Errors
    /// When the sets do not match, are too small, or the result is no finite number.
    pub fn relative_distance(&self) -> Result<Vec<Score>> {
        let how = "Fréchet distance over that of two random halves of the real set";
        self.distance("relative_distance", how, FRECHET_RESAMPLES, &relative_distance)
    }

    /// A distance, with an interval of `resamples` bootstrap distances where intervals are asked for.
    pub(super) fn distance(
        &self,
        name: &str,
        how: &str,
        resamples: u64,
        measure: &dyn Fn(&FeatureSet, &FeatureSet) -> Result<f64>,
    ) -> Result<Vec<Score>> {
        let value = measure(self.real, self.synthetic)?;
        finite(vec![self.with_interval((name, value, how), resamples, measure)?])
    }

    /// The score of a distance: its name, value and how it was measured.
    fn with_interval(
        &self,
        (name, value, how): (&str, f64, &str),
        resamples: u64,
        measure: &dyn Fn(&FeatureSet, &FeatureSet) -> Result<f64>,
    ) -> Result<Score> {
        if !self.intervals {
            return Ok(self.score(name, value, how));
        }
        let deviation = self.deviation(resamples, measure)?;
        let how = format!(
            "{how}; interval: ±1.96 standard deviations of {resamples} bootstrap distances over patients and samples"
        );
        let mut score = self.score(name, value, &how);
        let low = value - 1.96 * deviation;
        // Only what was extrapolated can lie below 0.
        let low = if value < 0.0 { low } else { low.max(0.0) };
        score.interval = Some([low, value + 1.96 * deviation]);
        Ok(score)
    }

    /// A bootstrap set repeats samples, which lifts every distance: its spread is used, not its quantiles.
    fn deviation(
        &self,
        resamples: u64,
        measure: &dyn Fn(&FeatureSet, &FeatureSet) -> Result<f64>,
    ) -> Result<f64> {
        let mut found = Vec::new();
        for draw in 0..resamples {
            let real = self.real.select(&resampled_groups(self.real, self.real_groups, draw))?;
            let synthetic = self.synthetic.select(&resampled_groups(self.synthetic, None, draw))?;
            found.push(measure(&real, &synthetic)?);
        }
        let mean = mean(&found);
        let squares: f64 = found.iter().map(|f| (f - mean).powi(2)).sum();
        Ok((squares / (found.len() - 1) as f64).sqrt())
    }

    /// The kernel distance.
    ///
    /// # Errors
    /// When the sets do not match, are smaller than a subset, or the result is no finite number.
    pub fn kid(&self) -> Result<Vec<Score>> {
        let found = kernel_distance(self.real, self.synthetic, self.kid_subset)?;
        let how = format!(
            "mean of {SUBSETS} subsets of {} samples, standard deviation {:.3e}; kernel (x·y/D + 1)³, torch-fidelity's draws",
            found.subset, found.deviation
        );
        let error = found.standard_error();
        let mut score = self.score("kid", found.mean, &how);
        score.standard_error = Some(error);
        finite(vec![score])
    }

    /// The Inception Score, from logits.
    ///
    /// # Errors
    /// When there are none, fewer than splits, or the result is no finite number.
    pub fn inception_score(&self) -> Result<Vec<Score>> {
        let logits = self.logits.context(
            "inception_score: needs class logits, expected --extractor inception (or logits in the feature file)",
        )?;
        let found = inception_score(logits)?;
        let how = format!(
            "{SPLITS} splits, standard deviation {:.4}; logits without bias",
            found.deviation
        );
        let mut score = self.score("inception_score", found.mean, &how);
        score.standard_error = Some(found.deviation / (SPLITS as f64).sqrt());
        finite(vec![score])
    }

    /// Precision, recall, density and coverage.
    ///
    /// # Errors
    /// When the sets do not match or are too small.
    pub fn precision_recall(&self) -> Result<Vec<Score>> {
        let mut scores = self.manifold_scores(self.real, self.synthetic, None)?;
        let (n, m) = (self.real.len(), self.synthetic.len());
        if n != m {
            // Recall and coverage grow with the number of generated samples.
            let matched = n.min(m) as usize;
            let mut draw = Draw::new(SEED);
            let mut cut = |set: &FeatureSet| set.select(&draw.choice(set.len() as usize, matched));
            let (real, synthetic) = (cut(self.real)?, cut(self.synthetic)?);
            scores.extend(self.manifold_scores(&real, &synthetic, Some(Part::MatchedCounts))?);
        }
        finite(scores)
    }

    fn manifold_scores(
        &self,
        real: &FeatureSet,
        synthetic: &FeatureSet,
        of: Option<Part>,
    ) -> Result<Vec<Score>> {
        let found = manifold(real, synthetic, NEIGHBOURS)?;
        Ok(found
            .scores()
            .into_iter()
            .map(|(name, values)| {
                let values = to_vec(values);
                let how = format!(
                    "k = {NEIGHBOURS}, strictly inside; interval: bootstrap over samples with the balls held"
                );
                let mut score = self.score(name, mean(&values), &how);
                score.interval = resample::interval_of_mean(&values, DRAWS);
                score.of.clone_from(&of);
                score.real_count = Some(real.len() as usize);
                score.synthetic_count = Some(synthetic.len() as usize);
                score
            })
            .collect())
    }

    /// The share of authentic samples, per cent.
    ///
    /// # Errors
    /// When the sets do not match or are too small.
    pub fn auth_pct(&self) -> Result<Vec<Score>> {
        let authentic = to_vec(&authenticity(self.real, self.synthetic)?.authentic());
        let how = "per cent of samples farther from their nearest training sample than that is from another one; \
                   interval: bootstrap over samples";
        let mut score = self.score("auth_pct", 100.0 * mean(&authentic), how);
        let interval = resample::interval_of_mean(&authentic, DRAWS);
        score.interval = interval.map(|ends| ends.map(|end| 100.0 * end));
        finite(vec![score])
    }

    /// The data-copying test against held-out samples.
    ///
    /// # Errors
    /// When there are none, or the sets are too small for its cells.
    pub fn c_t(&self) -> Result<Vec<Score>> {
        let held_out = self.held_out.context(
            "c_t: needs real samples that trained nothing, expected --held-out, or a real pack with test patients",
        )?;
        let found = c_t(self.real, held_out, self.synthetic, DRAWS)?;
        let units = if self.held_out_groups.is_some() { "patients" } else { "samples" };
        let divisions = found.values().len();
        let mut how = format!(
            "against {} held-out samples; {} principal components; mean of {divisions} divisions into {} cells (k-means), \
             standard deviation {:.4}; far below 0 is copying; interval: bootstrap over held-out {units}",
            held_out.len(),
            data_copying::COMPONENTS.min(self.real.width()),
            data_copying::CELLS,
            found.deviation()
        );
        if found.refused() > 0 {
            let _ = write!(
                how,
                "; {} divisions left out, in which a cell has no training or no held-out sample",
                found.refused()
            );
        }
        let made = self.synthetic.len() as usize;
        let left_out = made - found.least_counted();
        let mut score = self.score("c_t", found.value(), &how);
        score.interval = found.interval(self.held_out_groups, DRAWS);
        score.note = (left_out > 0).then(|| {
            format!(
                "up to {left_out} of {made} synthetic samples lie in cells with no more than {} of them and are left out",
                data_copying::LEAST_IN_CELL
            )
        });
        finite(vec![score])
    }
}

/// Scores that may leave: all of them finite.
fn finite(scores: Vec<Score>) -> Result<Vec<Score>> {
    Ok(scores.into_iter().map(Score::finite).collect::<Result<_, _>>()?)
}

/// Rows of a bootstrap set: of samples, or of all samples of groups drawn with replacement.
fn resampled_groups(set: &FeatureSet, groups: Option<&[String]>, draw: u64) -> Vec<i64> {
    use crate::rng::{Purpose, keyed};
    use rand::RngExt as _;
    let n = set.len();
    let mut rng = keyed(DRAWS, Purpose::Bootstrap, draw);
    let Some(groups) = groups else {
        return (0..n).map(|_| rng.random_range(0..n)).collect();
    };
    let mut members: std::collections::BTreeMap<&str, Vec<i64>> = std::collections::BTreeMap::new();
    for (row, group) in groups.iter().enumerate() {
        members.entry(group).or_default().push(row as i64);
    }
    let members: Vec<Vec<i64>> = members.into_values().collect();
    (0..members.len())
        .flat_map(|_| members[rng.random_range(0..members.len())].iter().copied())
        .collect()
}

fn to_vec(values: &Tensor) -> Vec<f64> {
    Vec::try_from(values.to_kind(Kind::Double).reshape([-1])).expect("a dense tensor")
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

#[cfg(test)]
mod tests;
