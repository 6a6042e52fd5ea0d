//! Every metric by name: heading, group, which way is better, digits. A metric that is missing here is shown all the
//! same, under "Other".

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

/// How a metric is shown.
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
}

const fn metric(
    name: &'static str,
    title: &'static str,
    group: &'static str,
    better: Better,
    digits: usize,
) -> Metric {
    Metric { name, title, group, better, digits }
}

use Better::{Higher, Lower, Neither};

/// In the order of the columns.
pub const METRICS: [Metric; 30] = [
    metric("fid", "FID", "Fidelity", Lower, 2),
    metric("frechet_distance", "Fréchet distance", "Fidelity", Lower, 2),
    metric("fd_infinity", "FD∞", "Fidelity", Lower, 2),
    metric("relative_distance", "Relative distance", "Fidelity", Lower, 2),
    metric("kid", "KID", "Fidelity", Lower, 4),
    metric("inception_score", "Inception Score", "Fidelity", Higher, 2),
    metric("precision", "Precision", "Precision and diversity", Higher, 3),
    metric("recall", "Recall", "Precision and diversity", Higher, 3),
    metric("density", "Density", "Precision and diversity", Higher, 3),
    metric("coverage", "Coverage", "Precision and diversity", Higher, 3),
    metric("psnr", "PSNR", "Likeness of images", Neither, 2),
    metric("ssim", "SSIM", "Likeness of images", Neither, 3),
    metric("lpips", "LPIPS", "Likeness of images", Neither, 3),
    metric("auth_pct", "AuthPct", "Copying", Higher, 1),
    metric("c_t", "C_T", "Copying", Higher, 2),
    metric("flagged_share", "Flagged share", "Copying", Lower, 3),
    metric("false_alarm_rate", "False alarms", "Copying", Neither, 3),
    metric("membership_auc", "Membership AUC", "Copying", Lower, 3),
    metric("nearest_ssim", "SSIM to nearest real", "Nearest real images", Lower, 3),
    metric("planted_recall", "Planted copies found", "Planted copies", Neither, 2),
    metric("pair_dice", "Dice of image with mask", "Dice of image with mask", Higher, 3),
    metric("implausible_share", "Implausible share", "Implausible share", Lower, 3),
    metric("turing_accuracy", "Accuracy", "Visual Turing test", Lower, 2),
    metric("turing_sensitivity", "Sensitivity", "Visual Turing test", Lower, 2),
    metric("turing_specificity", "Specificity", "Visual Turing test", Neither, 2),
    metric("turing_d_prime", "d′", "Visual Turing test", Lower, 2),
    metric("turing_auc", "AUC", "Visual Turing test", Lower, 2),
    metric("turing_kappa", "Fleiss' κ", "Visual Turing test", Neither, 2),
    metric("turing_secs", "Seconds per image", "Visual Turing test", Neither, 1),
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
        let kind = |name: &String| name.split('@').next().unwrap_or_default().to_owned();
        Self {
            metric: score.metric.clone(),
            of: score.of.clone(),
            extractor: score.extractor.as_ref().map(kind),
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
        let of_others = [
            "planted_recall",
            "false_alarm_rate",
            "turing_specificity",
            "turing_kappa",
            "turing_secs",
        ];
        !real && !of_others.contains(&self.metric.as_str())
    }

    /// Whether it is a part of another score: one rule's share of implausible masks, the Dice of one class.
    pub fn is_part(&self) -> bool {
        match self.metric.as_str() {
            "implausible_share" => self.of.is_some(),
            "pair_dice" => self.of != Some(Part::Mean(DiceUnit::Pair)),
            _ => false,
        }
    }

    /// Whether it tells how far generated images are from real ones, as Table 2's first column.
    pub fn is_distance(&self) -> bool {
        matches!(self.metric.as_str(), "fid" | "frechet_distance") && self.of.is_none()
    }

    /// Order of columns.
    pub fn rank(&self) -> (usize, Option<&str>, Option<&str>) {
        let position = METRICS.iter().position(|metric| metric.name == self.metric);
        (position.unwrap_or(METRICS.len()), self.extractor.as_deref(), self.dialect.as_deref())
    }
}
