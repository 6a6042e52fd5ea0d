//! Every metric that `metrics` measures, from the registry (`vesalius-data/src/run/metric.rs`).

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

const fn features(measure: fn(&Comparison) -> Result<Vec<Score>>) -> Metric {
    Metric { name: "", measure: Measure::Features(measure), asks_who_was_seen: false }
}

const fn images(measure: fn(&Likened) -> Result<Vec<Score>>) -> Metric {
    Metric { name: "", measure: Measure::Images(measure), asks_who_was_seen: false }
}

macro_rules! measured {
    (
        measured { $($name:ident: $metric:expr, $scores:tt;)* }
        elsewhere $others:tt
    ) => {
        /// All of them.
        pub const METRICS: &[Metric] =
            &[$(Metric { name: stringify!($name), ..$metric }),*];
    };
}

vesalius_data::every_metric!(measured);

/// The first: what is measured where nobody says.
pub const DEFAULT: &str = METRICS[0].name;

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
