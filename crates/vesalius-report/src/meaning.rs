//! What each metric tells, in plain words: beside its numbers in a report.

/// A sentence without its subject; none of a metric that nobody described.
pub fn of(metric: &str) -> Option<&'static str> {
    MEANINGS.iter().find(|(name, _)| *name == metric).map(|(_, meaning)| *meaning)
}

const MEANINGS: &[(&str, &str)] = &[
    (
        "fid",
        "how far features of the images are from those of real ones, as two normal distributions; 0: the same",
    ),
    (
        "frechet_distance",
        "how far features of the images are from those of real ones, as two normal distributions; 0: the same",
    ),
    ("fd_infinity", "the same distance, as it would be with endlessly many images"),
    (
        "relative_distance",
        "the distance over that of two halves of the real images; 1: as near as real ones are to each other",
    ),
    ("kid", "how far features are apart, whatever their distributions; 0: the same"),
    (
        "inception_score",
        "how clearly and variedly a classifier of photographs sorts the images; says little of scans",
    ),
    ("precision", "share of images that lie among real ones: do they look real?"),
    ("recall", "share of real images that lie among these: is everything there?"),
    ("density", "how many real images each image has around it; 1: as many as real ones have"),
    ("coverage", "share of real images with one of these near by"),
    ("psnr", "likeness of pixels, in decibels: high for copies as well as for good pairs"),
    ("ssim", "likeness of structure, at most 1: high for copies as well as for good pairs"),
    ("lpips", "unlikeness as a network sees it; 0: alike"),
    (
        "auth_pct",
        "per cent of images that are not nearer to a training image than that is to the other training images",
    ),
    (
        "c_t",
        "whether images lie nearer to training images than held-out ones do; below 0: nearer, copying is suspected",
    ),
    (
        "flagged_share",
        "share of images that are as near to a training image as innocent ones rarely are",
    ),
    ("false_alarm_rate", "share of innocent images that the alarm calls copies"),
    (
        "membership_auc",
        "how well an attacker tells training patients from others by these images; 0.5: not at all",
    ),
    (
        "membership_auc_members",
        "control: the same attack on training patients alone; what it finds beside 0.5 is chance",
    ),
    ("nearest_ssim", "likeness to the nearest training image, at most 1"),
    ("planted_recall", "share of planted copies that the audit finds: how far it can be trusted"),
    ("pair_dice", "whether masks belong to their images, as a segmenter of real images sees it"),
    ("implausible_share", "share of masks that break a rule that real masks keep"),
    (
        "coherence_distance",
        "how otherwise neighbouring planes of volumes fit each other than those of real ones; 0: the same",
    ),
    ("coherence_p", "how often chance alone would make them as different; below 0.05 they are"),
    (
        "anatomy_distance",
        "how otherwise the classes of a volume lie in pieces and are large than in real ones; 0: the same",
    ),
    ("anatomy_p", "how often chance alone would make them as different; below 0.05 they are"),
    ("hausdorff95_mm", "how far apart outlines lie, but for the worst twentieth"),
    ("assd_mm", "how far apart outlines lie on average"),
    ("surface_dice", "share of the outlines that lie within the tolerance"),
    ("volume_bias_ml", "predicted volume less the reference's, on average"),
    ("volume_bias_low_ml", "below it lies one volume's error in 2.5 of 100 cases"),
    ("volume_bias_high_ml", "above it lies one volume's error in 2.5 of 100 cases"),
    ("ejection_bias", "predicted ejection fraction less the reference's, on average"),
    ("ejection_bias_low", "below it lies one patient's error in 2.5 of 100 cases"),
    ("ejection_bias_high", "above it lies one patient's error in 2.5 of 100 cases"),
    ("lesion_f1", "how many lesions are found, and how many found ones are there"),
    ("lesion_count_difference", "how far the count of lesions is off"),
    ("turing_accuracy", "share of pictures that readers judge rightly; 0.5: they cannot tell"),
    ("turing_sensitivity", "share of synthetic pictures that readers recognise"),
    ("turing_specificity", "share of real pictures that readers take for real"),
    ("turing_d_prime", "how well readers tell real from synthetic; 0: not at all"),
    ("turing_auc", "the same from their certainty; 0.5: not at all"),
    ("turing_kappa", "how far readers agree beyond chance; 1: always"),
    ("turing_secs", "how long readers look at a picture"),
    (
        "trustworthiness",
        "how far neighbours on the map are neighbours in the features; 1: all of them",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_data::run::metric::METRICS;

    #[test]
    fn every_metric_is_explained_and_nothing_else() {
        for metric in METRICS {
            assert!(of(metric.name).is_some(), "{}", metric.name);
        }
        for (name, _) in MEANINGS {
            assert!(METRICS.iter().any(|metric| metric.name == *name), "{name}");
        }
    }
}
