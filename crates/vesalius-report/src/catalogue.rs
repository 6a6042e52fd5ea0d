//! Every metric as one entry: name, heading, group, which way is better, digits, and what it is about. A metric that is
//! missing here is shown all the same, under "Other".

use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::Score;

/// Which values are wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Low ones.
    Lower,
    /// High ones.
    Higher,
    /// Neither.
    Neither,
}

/// What a metric is, and how it is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// `Score::metric`.
    pub name: &'static str,
    /// Heading.
    pub title: &'static str,
    /// Group of columns.
    pub group: &'static str,
    /// Which way is better.
    pub better: Better,
    /// Digits after the point.
    pub digits: usize,
    /// Whether it is a property of the generated images, not of the audit or its readers.
    pub is_of_images: bool,
    /// Whether it tells how far generated images are from real ones, as Table 2's first column.
    pub is_distance: bool,
    /// Which of its scores is the whole that the others are parts of, where there is such a one.
    pub whole: Option<Whole>,
    /// Whether its group says its name, so that the columns of its parts need not.
    pub is_named_by_group: bool,
}

/// The score of which other scores of the metric are parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whole {
    /// The one of no part.
    All,
    /// The mean over classes.
    Mean,
}

const fn metric(
    name: &'static str,
    title: &'static str,
    group: &'static str,
    better: Better,
    digits: usize,
) -> Metric {
    Metric {
        name,
        title,
        group,
        better,
        digits,
        is_of_images: true,
        is_distance: false,
        whole: None,
        is_named_by_group: false,
    }
}

impl Metric {
    const fn distance(self) -> Self {
        Self { is_distance: true, ..self }
    }

    const fn of_audit(self) -> Self {
        Self { is_of_images: false, ..self }
    }

    const fn named_by_group(self) -> Self {
        Self { is_named_by_group: true, ..self }
    }

    const fn whole(self, whole: Whole) -> Self {
        Self { whole: Some(whole), ..self }
    }
}

use Better::{Higher, Lower, Neither};

/// Groups of columns.
const FIDELITY: &str = "Fidelity";
const DIVERSITY: &str = "Precision and diversity";
const LIKENESS: &str = "Likeness of images";
const COPYING: &str = "Copying";
const NEAREST: &str = "Nearest real images";
const PLANTED: &str = "Planted copies";
const TURING: &str = "Visual Turing test";
const PAIRS: &str = "Dice of image with mask";
const IMPLAUSIBLE: &str = "Implausible share";

/// In the order of the columns.
pub const METRICS: &[Metric] = &[
    metric("fid", "FID", FIDELITY, Lower, 2).distance(),
    metric("frechet_distance", "Fréchet distance", FIDELITY, Lower, 2).distance(),
    metric("fd_infinity", "FD∞", FIDELITY, Lower, 2),
    metric("relative_distance", "Relative distance", FIDELITY, Lower, 2),
    metric("kid", "KID", FIDELITY, Lower, 4),
    metric("inception_score", "Inception Score", FIDELITY, Higher, 2),
    metric("precision", "Precision", DIVERSITY, Higher, 3),
    metric("recall", "Recall", DIVERSITY, Higher, 3),
    metric("density", "Density", DIVERSITY, Higher, 3),
    metric("coverage", "Coverage", DIVERSITY, Higher, 3),
    metric("psnr", "PSNR", LIKENESS, Neither, 2),
    metric("ssim", "SSIM", LIKENESS, Neither, 3),
    metric("lpips", "LPIPS", LIKENESS, Neither, 3),
    metric("auth_pct", "AuthPct", COPYING, Higher, 1),
    metric("c_t", "C_T", COPYING, Higher, 2),
    metric("flagged_share", "Flagged share", COPYING, Lower, 3),
    metric("false_alarm_rate", "False alarms", COPYING, Neither, 3).of_audit(),
    metric("membership_auc", "Membership AUC", COPYING, Lower, 3),
    metric("nearest_ssim", "SSIM to nearest real", NEAREST, Lower, 3).named_by_group(),
    metric("planted_recall", "Planted copies found", PLANTED, Neither, 2)
        .of_audit()
        .named_by_group(),
    metric("pair_dice", PAIRS, PAIRS, Higher, 3).named_by_group().whole(Whole::Mean),
    metric("implausible_share", IMPLAUSIBLE, IMPLAUSIBLE, Lower, 3)
        .named_by_group()
        .whole(Whole::All),
    metric("turing_accuracy", "Accuracy", TURING, Lower, 2),
    metric("turing_sensitivity", "Sensitivity", TURING, Lower, 2),
    metric("turing_specificity", "Specificity", TURING, Neither, 2).of_audit(),
    metric("turing_d_prime", "d′", TURING, Lower, 2),
    metric("turing_auc", "AUC", TURING, Lower, 2),
    metric("turing_kappa", "Fleiss' κ", TURING, Neither, 2).of_audit(),
    metric("turing_secs", "Seconds per image", TURING, Neither, 1).of_audit(),
    metric("trustworthiness", "Trustworthiness", "Latent map", Neither, 3),
];

/// A metric by name.
pub fn known(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

/// What makes scores comparable: the same metric of the same part in the same features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// `Score::metric`.
    pub metric: String,
    /// `Score::of`.
    pub of: Option<Part>,
    /// Kind of extractor, without its digest.
    pub extractor: Option<String>,
    /// Dialect of the input.
    pub dialect: Option<String>,
}

impl Key {
    /// Of a score.
    pub fn of(score: &Score) -> Self {
        Self {
            metric: score.metric.clone(),
            of: score.of.clone(),
            extractor: score.extractor_kind().map(ToOwned::to_owned),
            dialect: score.dialect.clone(),
        }
    }

    /// Heading: `FID, clean-fid`, `Precision, matched counts (unet)`.
    pub fn title(&self) -> String {
        let mut title = known(&self.metric)
            .map_or_else(|| self.metric.replace('_', " "), |metric| metric.title.to_owned());
        if let Some(of) = &self.of {
            title.push_str(", ");
            title.push_str(&of.heading());
        }
        let features = match (&self.extractor, &self.dialect) {
            (Some(extractor), Some(dialect)) if extractor == "inception" => dialect.clone(),
            (Some(extractor), Some(dialect)) => format!("{extractor}, {dialect}"),
            (Some(extractor), None) => extractor.clone(),
            (None, Some(dialect)) => dialect.clone(),
            (None, None) => return title,
        };
        format!("{title} ({features})")
    }

    /// Name in CSV and JSON: `fid.clean-fid`, `precision.matched_counts.unet`.
    pub fn name(&self) -> String {
        let of = self.of.as_ref().map(Part::to_string);
        [Some(&self.metric), of.as_ref(), self.extractor.as_ref(), self.dialect.as_ref()]
            .into_iter()
            .flatten()
            .map(|part| part.replace([' ', ','], "_"))
            .collect::<Vec<_>>()
            .join(".")
    }

    /// Group of columns.
    pub fn group(&self) -> &'static str {
        known(&self.metric).map_or("Other", |metric| metric.group)
    }

    /// Digits after the point.
    pub fn digits(&self) -> usize {
        known(&self.metric).map_or(3, |metric| metric.digits)
    }

    /// Which way is better.
    pub fn better(&self) -> Better {
        known(&self.metric).map_or(Better::Neither, |metric| metric.better)
    }

    /// Whether it is a property of the generated images: not of real ones beside them, nor of the audit or its readers.
    pub fn is_of_images(&self) -> bool {
        let real = self.of.as_ref().is_some_and(Part::is_of_real);
        !real && known(&self.metric).is_none_or(|metric| metric.is_of_images)
    }

    /// Whether it is a part of another score: one rule's share of implausible masks, the Dice of one class.
    pub fn is_part(&self) -> bool {
        match known(&self.metric).and_then(|metric| metric.whole) {
            None => false,
            Some(Whole::All) => self.of.is_some(),
            Some(Whole::Mean) => self.of != Some(Part::Mean(DiceUnit::Pair)),
        }
    }

    /// Whether it tells how far generated images are from real ones, as Table 2's first column.
    pub fn is_distance(&self) -> bool {
        known(&self.metric).is_some_and(|metric| metric.is_distance) && self.of.is_none()
    }

    /// The heading without the metric's name where the group says it already.
    pub fn heading(&self) -> String {
        let metric = known(&self.metric).filter(|metric| metric.is_named_by_group);
        match (metric, &self.of) {
            (Some(_), Some(of)) => of.heading().replace('_', "-"),
            (Some(Metric { whole: Some(Whole::All), .. }), None) => "all rules".to_owned(),
            _ => self.title(),
        }
    }

    /// Order of columns.
    pub fn rank(&self) -> (usize, Option<&str>, Option<&str>) {
        let position = METRICS.iter().position(|metric| metric.name == self.metric);
        (position.unwrap_or(METRICS.len()), self.extractor.as_deref(), self.dialect.as_deref())
    }
}
