//! A score: a number that never travels without the protocol that made it.

use crate::run::part::Part;
use crate::{output, say, show};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The dialect of scores of whole volumes, so that they are not taken for those of planes.
pub const VOLUMES: &str = "volumes";

/// One measured number. A run that diverged has no score; there is no sentinel value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// What was measured: `frechet_distance`, `dice`, …
    pub metric: String,
    /// The number itself; always finite.
    pub value: f64,
    /// 95 % interval, where one was computed (the protocol says how).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// What of the subject: a class, a patient, …; absent for a whole-set score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<Part>,
    /// Feature extractor, with its weights' digest after `@`, where features were used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extractor: Option<String>,
    /// Whose input treatment the extractor's images had, where packages differ (`clean-fid`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// Standard error of a value that is a mean over random subsets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// Samples (or volumes) on the real side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_count: Option<usize>,
    /// Samples on the synthetic side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic_count: Option<usize>,
    /// What nobody may miss who reads the number alone: samples that were left out, too few for the method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// How it was computed, in words that `docs/method.md` explains.
    pub protocol: String,
    /// The protocol without the seed that decided the number, where one did: repetitions under other seeds have it in
    /// common. The seed itself stands in the run's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seedless: Option<String>,
}

/// A number that is none: too large for the arithmetic behind it, or made of nothing.
#[derive(Debug, thiserror::Error)]
#[error(
    "{name}: {what} is {value}, expected a finite number (features or images of a diverged network?)"
)]
pub struct NotFinite {
    name: String,
    what: &'static str,
    value: f64,
}

impl Score {
    /// The score, if its value, interval and standard error are finite: what every score passes before it leaves the
    /// code that
    /// measured it.
    ///
    /// # Errors
    /// When one of them is NaN or infinite.
    pub fn finite(self) -> Result<Self, NotFinite> {
        let [low, high] = self.interval.unwrap_or_default();
        let error = self.standard_error.unwrap_or_default();
        for (what, value) in [
            ("the value", self.value),
            ("the lower end of the interval", low),
            ("the upper end of the interval", high),
            ("the standard error", error),
        ] {
            if !value.is_finite() {
                return Err(NotFinite { name: self.name(), what, value });
            }
        }
        Ok(self)
    }

    /// A whole-set score without interval, extractor and counts.
    pub fn new(metric: &str, value: f64, protocol: String) -> Self {
        Self {
            metric: metric.to_owned(),
            // The sum of nothing is −0.
            value: value + 0.0,
            interval: None,
            of: None,
            extractor: None,
            dialect: None,
            standard_error: None,
            real_count: None,
            synthetic_count: None,
            note: None,
            protocol,
            seedless: None,
        }
    }

    /// Adds to the protocol what else has to be known, `; ` before it.
    pub fn remark(&mut self, text: &str) {
        self.protocol += text;
        if let Some(seedless) = &mut self.seedless {
            *seedless += text;
        }
    }

    /// Kind of the extractor, without the digest of its weights.
    pub fn extractor_kind(&self) -> Option<&str> {
        self.extractor.as_deref().map(|name| name.split_once('@').map_or(name, |(kind, _)| kind))
    }

    /// `metric [dialect] (of)`.
    fn name(&self) -> String {
        let dialect =
            self.dialect.as_ref().map_or(String::new(), |dialect| format!(" [{dialect}]"));
        let of = self.of.as_ref().map_or(String::new(), |of| format!(" ({})", of.words()));
        format!("{}{dialect}{of}", self.metric)
    }
}

/// `metric [dialect] (of)`, the value, its interval or standard error, its note: a line of a terminal. Padding
/// (`{:60}`) is that of the
/// name.
impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let width = f.width().unwrap_or(0);
        write!(f, "{:<width$} {}", self.name(), shown(self.value))?;
        if let Some([low, high]) = self.interval {
            write!(f, " [{}, {}]", shown(low), shown(high))?;
        }
        if let Some(error) = self.standard_error {
            write!(f, " ± {error:.4}")?;
        }
        match &self.note {
            Some(note) => write!(f, " ({note})"),
            None => Ok(()),
        }
    }
}

/// Four digits; nothing is never negative.
fn shown(value: f64) -> String {
    let text = format!("{value:.4}");
    if text == "-0.0000" { text[1..].to_owned() } else { text }
}

/// A score that was asked for and could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What was to be measured.
    pub metric: String,
    /// Why it was not.
    pub reason: String,
}

/// What `--json` prints: one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The scores, in the order they were computed.
    pub scores: Vec<Score>,
    /// What could not be measured, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}

impl Scores {
    /// Prints them, as one JSON object or a line each; what is missing goes to stderr.
    ///
    /// # Errors
    /// Never, for finite scores.
    pub fn print(&self, json: bool) -> serde_json::Result<()> {
        if json {
            return output::json(self);
        }
        let longest =
            self.scores.iter().map(|score| score.name().chars().count()).max().unwrap_or(0);
        for score in &self.scores {
            show!("{score:longest$}");
        }
        let mut extractors: Vec<&str> =
            self.scores.iter().filter_map(|score| score.extractor.as_deref()).collect();
        extractors.dedup();
        for extractor in extractors {
            show!("features: {extractor}");
        }
        for missing in &self.missing {
            say!("not measured: {}: {}", missing.metric, missing.reason);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_what_of_and_how_sure() {
        let score = Score {
            of: Some("myocardium".into()),
            interval: Some([0.7, 0.9]),
            ..Score::new("dice", 0.8123456, "per volume".to_owned())
        };
        assert_eq!(score.to_string(), "dice (myocardium) 0.8123 [0.7000, 0.9000]");
        let score = Score {
            dialect: Some("clean-fid".to_owned()),
            standard_error: Some(0.01),
            ..Score::new("kid", 0.5, String::new())
        };
        assert_eq!(format!("{score:18}"), "kid [clean-fid]    0.5000 ± 0.0100");
        let score = Score {
            note: Some("3 of 10 pairs are equal and left out".to_owned()),
            ..Score::new("psnr", 31.0, String::new())
        };
        assert_eq!(score.to_string(), "psnr 31.0000 (3 of 10 pairs are equal and left out)");
        let interval = Some([-0.000_04, 0.1]);
        let nothing = Score { interval, ..Score::new("surface_dice", -0.0, String::new()) };
        assert_eq!(nothing.to_string(), "surface_dice 0.0000 [0.0000, 0.1000]");
        assert!(nothing.value.is_sign_positive());
    }

    #[test]
    fn a_number_that_is_none_is_no_score() {
        let score = Score::new("kid", 0.5, String::new());
        assert_eq!(score.clone().finite().unwrap(), score);
        for broken in [
            Score { value: f64::NAN, ..score.clone() },
            Score { value: f64::NEG_INFINITY, ..score.clone() },
            Score { interval: Some([0.0, f64::INFINITY]), ..score.clone() },
            Score { interval: Some([f64::NAN, 1.0]), ..score.clone() },
            Score { standard_error: Some(f64::NAN), ..score.clone() },
        ] {
            let error = broken.finite().unwrap_err().to_string();
            assert!(error.starts_with("kid: the "), "{error}");
            assert!(error.contains("expected a finite number"), "{error}");
        }
    }

    #[test]
    fn scores_of_before_there_were_notes_are_read() {
        let old = r#"{"metric":"kid","value":0.5,"protocol":"p"}"#;
        let score: Score = serde_json::from_str(old).unwrap();
        assert_eq!(serde_json::to_string(&score).unwrap(), old);
    }
}
