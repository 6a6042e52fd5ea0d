//! Every metric that `metrics` measures, one line each: its name and what measures it. Headings, and which way is
//! better, stand in the report's catalogue by the names of its scores, in one line each.

use super::likeness::{self, Likened};
use anyhow::{Result, bail};
use vesalius_data::run::score::Score;
use vesalius_torch::metrics::suite::Comparison;

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// As commands and study files have it.
    pub name: &'static str,
    /// What measures it.
    pub measure: Measure,
    /// Whether it asks which patients the generator saw; the others only ask how near images are.
    pub asks_who_was_seen: bool,
}

/// What measures a metric.
#[derive(Debug, Clone, Copy)]
pub enum Measure {
    /// In features of both sides.
    Features(fn(&Comparison) -> Result<Vec<Score>>),
    /// Of images themselves.
    Images(fn(&Likened) -> Result<Vec<Score>>),
}

use Measure::{Features, Images};

/// All of them, in the order in which they are measured.
#[expect(
    clippy::redundant_closure_for_method_calls,
    reason = "a method is of one lifetime, a metric measures any comparison"
)]
pub const METRICS: &[Metric] = &[
    metric("frechet_distance", Features(|sets| sets.frechet_distance())),
    metric("fd_infinity", Features(|sets| sets.fd_infinity())),
    metric("relative_distance", Features(|sets| sets.relative_distance())),
    metric("kid", Features(|sets| sets.kid())),
    metric("inception_score", Features(|sets| sets.inception_score())),
    metric("precision_recall", Features(|sets| sets.precision_recall())),
    metric("auth_pct", Features(|sets| sets.auth_pct())).asks_who_was_seen(),
    metric("c_t", Features(|sets| sets.c_t())).asks_who_was_seen(),
    metric("psnr", Images(likeness::psnr)),
    metric("ssim", Images(likeness::ssim)),
    metric("lpips", Images(likeness::lpips)),
];

/// The first: what is measured where nobody says.
pub const DEFAULT: &str = METRICS[0].name;

const fn metric(name: &'static str, measure: Measure) -> Metric {
    Metric { name, measure, asks_who_was_seen: false }
}

impl Metric {
    const fn asks_who_was_seen(self) -> Self {
        Self { asks_who_was_seen: true, ..self }
    }
}

/// Names of all, in order.
pub fn names() -> impl Iterator<Item = &'static str> + Clone {
    METRICS.iter().map(|metric| metric.name)
}

/// The metric of a name.
///
/// # Errors
/// When there is none; the known ones are listed.
pub fn find(name: &str) -> Result<&'static Metric> {
    let Some(metric) = METRICS.iter().find(|metric| metric.name == name) else {
        let known: Vec<&str> = names().collect();
        bail!("metric {name}: unknown, expected one of {}", known.join(", "));
    };
    Ok(metric)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_found_and_no_two_are_the_same() {
        assert_eq!(names().collect::<BTreeSet<_>>().len(), METRICS.len());
        for name in names() {
            assert_eq!(find(name).unwrap().name, name);
        }
        assert!(find("fidd").unwrap_err().to_string().contains("fd_infinity"));
        assert_eq!(DEFAULT, "frechet_distance");
    }
}
