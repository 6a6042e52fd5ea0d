//! What a copying audit found, in words, by stated rules.

use std::fmt::Write as _;
use vesalius_data::run::copying::Level;
use vesalius_statistics::alarm::share_interval;

/// C_T below this many standard errors counts as evidence.
pub const C_T_LIMIT: f64 = -3.0;
/// An image whose ratio is below this share of the smallest ratio of any real image is nearer to a training image than
/// chance
/// explains.
pub const SURE: f64 = 0.5;

/// Found copies of one planted kind.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    /// The kind, or `all`.
    pub kind: &'static str,
    /// Copies that set the alarm off.
    pub found: usize,
    /// Copies that were planted.
    pub planted: usize,
}

impl Recall {
    /// Share that was found.
    pub fn share(&self) -> f64 {
        self.found as f64 / self.planted as f64
    }
}

/// Real images that the alarm was set on, and how it went.
#[derive(Debug, Clone, Copy)]
pub struct Calibration {
    /// Stated rate of false alarms.
    pub rate: f64,
    /// Real images below the threshold.
    pub hits: usize,
    /// Real images.
    pub images: usize,
    /// Their patients.
    pub patients: usize,
}

impl Calibration {
    /// 95 % interval of the rate of false alarms, images being independent.
    pub fn interval_of_images(&self) -> [f64; 2] {
        share_interval(self.hits, self.images)
    }

    /// The same, patients being what is independent: as if each patient had given one image.
    pub fn interval_of_patients(&self) -> [f64; 2] {
        patient_interval(self.hits, self.images, self.patients)
    }
}

/// Interval of `hits` of `images` as if there were only as many images as patients; hits are rounded up.
pub fn patient_interval(hits: usize, images: usize, patients: usize) -> [f64; 2] {
    let share = hits as f64 / images as f64;
    let [low, high] = share_interval((share * patients as f64).ceil() as usize, patients);
    [low.min(share), high]
}

/// What was measured.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// Synthetic images.
    pub synthetic: usize,
    /// Those that set the alarm off.
    pub flagged: usize,
    /// Those beyond anything real, see [`SURE`].
    pub sure: usize,
    /// How the alarm was set.
    pub calibration: Calibration,
    /// C_T, with its interval over held-out patients where there are several.
    pub c_t: Option<(f64, Option<[f64; 2]>)>,
    /// AuthPct of the synthetic images and of held-out real ones: intervals.
    pub auth_pct: Option<[[f64; 2]; 2]>,
    /// Area under the curve of membership inference, with its interval.
    pub membership: Option<(f64, [f64; 2])>,
    /// Planted copies, kind by kind.
    pub recall: Vec<Recall>,
}

/// The verdict.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Level.
    pub level: Level,
    /// Why, in sentences.
    pub text: String,
    /// What this audit could not have seen.
    pub limits: String,
}

/// The rules.
///
/// `copying`: the lower bound of the flagged share is above the upper bound of the rate of false alarms with patients
/// as the
/// independent units; or at least 2 images, and at least one in 1,000, are beyond anything real ([`SURE`]).
/// `suspicious`: the lower bound is above the upper bound with images as the units; or one image is beyond anything
/// real; or
/// C_T is below −3 and its interval over held-out patients below 0; or the membership interval lies above 0.5; or
/// AuthPct's interval lies below that of held-out images.
pub fn judge(evidence: &Evidence) -> Verdict {
    let Evidence { synthetic, flagged, sure, calibration, .. } = *evidence;
    let share = flagged as f64 / synthetic as f64;
    let [low, _] = share_interval(flagged, synthetic);
    let [_, by_image] = calibration.interval_of_images();
    let [_, by_patient] = calibration.interval_of_patients();
    let many_sure = sure >= 2.max(synthetic.div_ceil(1000));
    let mut reasons = Vec::new();
    let below = |interval: Option<[f64; 2]>| interval.is_none_or(|[_, high]| high < 0.0);
    if let Some((c_t, _)) = evidence.c_t.filter(|&(c_t, ends)| c_t < C_T_LIMIT && below(ends)) {
        reasons.push(format!(
            "C_T is {c_t:.1}: synthetic images lie nearer to the training set than held-out real ones"
        ));
    }
    if let Some((auc, [least, _])) = evidence.membership.filter(|(_, [least, _])| *least > 0.5) {
        reasons.push(format!(
            "whoever holds the synthetic images can tell training from other images better than by chance (AUC {auc:.2}, at \
             least {least:.2})"
        ));
    }
    if let Some([[_, made], [real, _]]) = evidence.auth_pct.filter(|[made, real]| made[1] < real[0])
    {
        reasons.push(format!(
            "AuthPct is at most {made:.0} %, of held-out real images at least {real:.0} %"
        ));
    }
    let level = if low > by_patient || many_sure {
        Level::Copying
    } else if low > by_image || sure > 0 || !reasons.is_empty() {
        Level::Suspicious
    } else {
        Level::NoneFound
    };
    let opening = match level {
        Level::Copying => "Training images come out again",
        Level::Suspicious => "No clear copying, but something that chance hardly explains",
        Level::NoneFound => "No copying was found",
    };
    let mut flags = vec![format!(
        "{flagged} of {synthetic} synthetic images ({}) are flagged as near one training patient, where {} of new real images \
         would be (with {} patients, at most {})",
        percent(share),
        percent(calibration.rate),
        calibration.patients,
        percent(by_patient)
    )];
    if sure > 0 {
        let are = if sure == 1 { "is" } else { "are" };
        flags.push(format!(
            "{sure} of them {are} less than half as far from a training image, relative to other patients' images, as any real \
             image"
        ));
    }
    // What raised the level comes first.
    let sentences = if low > by_image || sure > 0 || reasons.is_empty() {
        [flags, reasons].concat()
    } else {
        [reasons, flags].concat()
    };
    let mut text = format!("{opening}: {}.", sentences[0]);
    for sentence in &sentences[1..] {
        let _ = write!(text, " {}.", capital(sentence));
    }
    Verdict { level, text, limits: limits(evidence, by_patient) }
}

fn limits(evidence: &Evidence, by_patient: f64) -> String {
    let found: Vec<String> = evidence
        .recall
        .iter()
        .filter(|recall| recall.kind != "all")
        .map(|recall| format!("{} of {} copies", percent(recall.share()), recall.kind))
        .collect();
    let mut text = format!("On this data the audit would have found {}.", found.join(", "));
    if let Some(all) = evidence.recall.iter().find(|recall| recall.kind == "all") {
        let least = (by_patient / all.share().max(1e-9)).min(1.0);
        let _ = write!(
            text,
            " Retouched copies that make up less than about {} of the images need not stand out.",
            percent(least)
        );
    }
    let mut missing = Vec::new();
    if evidence.c_t.is_none() {
        missing.push("C_T");
    }
    if evidence.auth_pct.is_none() {
        missing.push("AuthPct");
    }
    if evidence.membership.is_none() {
        missing.push("membership inference");
    }
    if !missing.is_empty() {
        let _ = write!(text, " Without {}, which could not be had here.", missing.join(" and "));
    }
    text + " It says nothing on parts of images pasted into others, on copies changed more than the planted ones, or on training \
            images that stand under the names of many patients."
}

fn percent(share: f64) -> String {
    let value = 100.0 * share;
    if value == 0.0 || value >= 9.95 { format!("{value:.0} %") } else { format!("{value:.1} %") }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn innocent() -> Evidence {
        Evidence {
            synthetic: 1000,
            flagged: 11,
            sure: 0,
            calibration: Calibration { rate: 0.01, hits: 6, images: 784, patients: 40 },
            c_t: Some((1.2, Some([-2.0, 4.0]))),
            auth_pct: Some([[70.0, 75.0], [60.0, 80.0]]),
            membership: Some((0.52, [0.45, 0.58])),
            recall: vec![
                Recall { kind: "exact", found: 100, planted: 100 },
                Recall { kind: "all", found: 150, planted: 200 },
            ],
        }
    }

    #[test]
    fn as_many_flags_as_false_alarms_are_no_copying() {
        let found = judge(&innocent());
        assert_eq!(found.level, Level::NoneFound);
        assert!(found.text.contains("11 of 1000 synthetic images (1.1 %)"), "{}", found.text);
        assert!(found.limits.contains("100 % of exact copies"), "{}", found.limits);
        // One of 40 patients: at most 13.2 %; 75 % of copies are found, so 17.5 % would be needed.
        assert!(found.text.contains("with 40 patients, at most 13 %"), "{}", found.text);
        assert!(found.limits.contains("less than about 18 % of the images"), "{}", found.limits);
    }

    #[test]
    fn each_rule_raises_the_level_it_says() {
        let level = |change: &dyn Fn(&mut Evidence)| {
            let mut evidence = innocent();
            change(&mut evidence);
            judge(&evidence).level
        };
        // 1.8 % or fewer are within chance if images are independent (6 of 784), 13 % if patients are.
        assert_eq!(level(&|e| e.flagged = 18), Level::NoneFound);
        assert_eq!(level(&|e| e.flagged = 40), Level::Suspicious);
        assert_eq!(level(&|e| e.flagged = 140), Level::Suspicious);
        assert_eq!(level(&|e| e.flagged = 170), Level::Copying);
        assert_eq!(level(&|e| e.sure = 1), Level::Suspicious);
        assert_eq!(level(&|e| e.sure = 2), Level::Copying);
        assert_eq!(
            level(&|e| {
                e.sure = 9;
                e.synthetic = 10_000;
            }),
            Level::Suspicious
        );
        assert_eq!(level(&|e| e.c_t = Some((-3.1, None))), Level::Suspicious);
        assert_eq!(level(&|e| e.c_t = Some((-3.1, Some([-5.0, -0.1])))), Level::Suspicious);
        // A few patients that lie near the training set by chance.
        assert_eq!(level(&|e| e.c_t = Some((-3.1, Some([-9.0, 0.5])))), Level::NoneFound);
        assert_eq!(level(&|e| e.membership = Some((0.6, [0.51, 0.7]))), Level::Suspicious);
        let leaking = judge(&Evidence { membership: Some((0.6, [0.51, 0.7])), ..innocent() });
        let start = "No clear copying, but something that chance hardly explains: whoever holds";
        assert!(leaking.text.starts_with(start), "{}", leaking.text);
        assert_eq!(level(&|e| e.auth_pct = Some([[10.0, 20.0], [60.0, 80.0]])), Level::Suspicious);
    }

    #[test]
    fn what_could_not_be_had_is_said() {
        let found = judge(&Evidence { c_t: None, membership: None, ..innocent() });
        assert!(found.limits.contains("Without C_T and membership inference"), "{}", found.limits);
    }
}
