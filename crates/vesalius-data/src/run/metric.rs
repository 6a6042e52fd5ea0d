//! Every metric, once: what `vesalius metrics` calls it, what measures it, and how each of its scores is shown. Whoever
//! shows scores takes [`METRICS`]; whoever measures takes what measures from [`every_metric!`]. A score that is missing
//! here is shown all the same, under "Other".

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

/// What a score is, and how it is shown.
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
    /// The mean over volumes, then classes.
    VolumeMean,
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
const SURFACES: &str = "Surface distances";
const VOLUMES: &str = "Volumes";
const NEIGHBOURS: &str = "Neighbouring planes";
const BODIES: &str = "Bodies of volumes";
const LESIONS: &str = "Lesions";
const IMPLAUSIBLE: &str = "Implausible share";

/// The registry: gives all of it to the macro `$with`. What measures a metric is an expression that means something
/// only where it is measured (`vesalius-stages/src/metrics/registry.rs`): `features(…)` of a comparison of features,
/// `images(…)` of images themselves, either with `.asks_who_was_seen()`.
#[macro_export]
macro_rules! every_metric {
    ($with:ident) => {
        $with! {
            measured {
                frechet_distance: features(|sets| sets.frechet_distance()), [
                    metric("fid", "FID", FIDELITY, Lower, 2).distance(),
                    metric("frechet_distance", "Fréchet distance", FIDELITY, Lower, 2).distance(),
                ];
                fd_infinity: features(|sets| sets.fd_infinity()), [
                    metric("fd_infinity", "FD∞", FIDELITY, Lower, 2),
                ];
                relative_distance: features(|sets| sets.relative_distance()), [
                    metric("relative_distance", "Relative distance", FIDELITY, Lower, 2),
                ];
                kid: features(|sets| sets.kid()), [metric("kid", "KID", FIDELITY, Lower, 4)];
                inception_score: features(|sets| sets.inception_score()), [
                    metric("inception_score", "Inception Score", FIDELITY, Higher, 2),
                ];
                precision_recall: features(|sets| sets.precision_recall()), [
                    metric("precision", "Precision", DIVERSITY, Higher, 3),
                    metric("recall", "Recall", DIVERSITY, Higher, 3),
                    metric("density", "Density", DIVERSITY, Higher, 3),
                    metric("coverage", "Coverage", DIVERSITY, Higher, 3),
                ];
                psnr: images(likeness::psnr), [metric("psnr", "PSNR", LIKENESS, Neither, 2)];
                ssim: images(likeness::ssim), [metric("ssim", "SSIM", LIKENESS, Neither, 3)];
                lpips: images(likeness::lpips), [metric("lpips", "LPIPS", LIKENESS, Neither, 3)];
                auth_pct: features(|sets| sets.auth_pct()).asks_who_was_seen(), [
                    metric("auth_pct", "AuthPct", COPYING, Higher, 1),
                ];
                c_t: features(|sets| sets.c_t()).asks_who_was_seen(), [
                    metric("c_t", "C_T", COPYING, Higher, 2),
                ];
            }
            // What other stages measure.
            elsewhere {
                metric("flagged_share", "Flagged share", COPYING, Lower, 3),
                metric("false_alarm_rate", "False alarms", COPYING, Neither, 3).of_audit(),
                metric("membership_auc", "Membership AUC", COPYING, Lower, 3),
                metric("membership_auc_members", "Membership AUC, members only", COPYING, Neither, 3).of_audit(),
                metric("nearest_ssim", "SSIM to nearest real", NEAREST, Lower, 3).named_by_group(),
                metric("planted_recall", "Planted copies found", PLANTED, Neither, 2).of_audit().named_by_group(),
                metric("pair_dice", PAIRS, PAIRS, Higher, 3).named_by_group().whole(Whole::Mean),
                metric("implausible_share", IMPLAUSIBLE, IMPLAUSIBLE, Lower, 3).named_by_group().whole(Whole::All),
                metric("coherence_distance", "Energy distance", NEIGHBOURS, Lower, 3),
                metric("coherence_p", "p: real and synthetic alike", NEIGHBOURS, Higher, 4),
                metric("anatomy_distance", "Energy distance", BODIES, Lower, 3),
                metric("anatomy_p", "p: real and synthetic alike", BODIES, Higher, 4),
                metric("hausdorff95_mm", "HD95, mm", SURFACES, Lower, 2).of_audit().whole(Whole::VolumeMean),
                metric("assd_mm", "ASSD, mm", SURFACES, Lower, 2).of_audit().whole(Whole::VolumeMean),
                metric("surface_dice", "Surface Dice", SURFACES, Higher, 3).of_audit().whole(Whole::VolumeMean),
                metric("volume_bias_ml", "Bias of volume, ml", VOLUMES, Neither, 2).of_audit(),
                metric("volume_bias_low_ml", "Lower limit of agreement, ml", VOLUMES, Neither, 2).of_audit(),
                metric("volume_bias_high_ml", "Upper limit of agreement, ml", VOLUMES, Neither, 2).of_audit(),
                metric("ejection_bias", "Bias of ejection fraction, %", VOLUMES, Neither, 1).of_audit(),
                metric("ejection_bias_low", "Lower limit of agreement, %", VOLUMES, Neither, 1).of_audit(),
                metric("ejection_bias_high", "Upper limit of agreement, %", VOLUMES, Neither, 1).of_audit(),
                metric("lesion_f1", "Lesion F1", LESIONS, Higher, 3).of_audit().whole(Whole::VolumeMean),
                metric("lesion_count_difference", "Lesions too many or too few", LESIONS, Lower, 1).of_audit().whole(Whole::VolumeMean),
                metric("turing_accuracy", "Accuracy", TURING, Lower, 2),
                metric("turing_sensitivity", "Sensitivity", TURING, Lower, 2),
                metric("turing_specificity", "Specificity", TURING, Neither, 2).of_audit(),
                metric("turing_d_prime", "d′", TURING, Lower, 2),
                metric("turing_auc", "AUC", TURING, Lower, 2),
                metric("turing_kappa", "Fleiss' κ", TURING, Neither, 2).of_audit(),
                metric("turing_secs", "Seconds per image", TURING, Neither, 1).of_audit(),
                metric("trustworthiness", "Trustworthiness", "Latent map", Neither, 3),
            }
        }
    };
}

macro_rules! shown {
    (
        measured { $($name:ident: $measured:expr, [$($score:expr),* $(,)?];)* }
        elsewhere { $($other:expr),* $(,)? }
    ) => {
        /// In the order of the columns.
        pub const METRICS: &[Metric] = &[$($($score,)*)* $($other),*];
    };
}

every_metric!(shown);

/// A metric by name.
pub fn known(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn a_score_is_shown_in_one_way() {
        let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
        assert_eq!(names.len(), METRICS.len());
        assert_eq!(known("kid").unwrap().better, Better::Lower);
        assert_eq!(known("kidd"), None);
    }
}
