//! How many masks are implausible, by which rules, beside how many real ones are called so.

use super::check::Finding;
use super::rules::{Rules, TAIL};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_statistics::proportion::wilson;
use vesalius_statistics::resample::interval;

/// What [`Score::metric`] says of all shares.
pub const METRIC: &str = "implausible_share";

/// Real masks of patients who taught no rule.
#[derive(Debug, Clone, Copy)]
pub struct HeldOut<'a> {
    /// Whose each is.
    pub patients: &'a [&'a str],
    /// What was found in each.
    pub findings: &'a [Finding],
}

/// Share of findings that hold for `broken`.
fn share(findings: &[Finding], broken: impl Fn(&Finding) -> bool) -> (usize, f64) {
    let hits = findings.iter().filter(|finding| broken(finding)).count();
    (hits, hits as f64 / findings.len() as f64)
}

/// The shares: of synthetic masks that break any rule (with Wilson's interval), of held-out real ones (with an interval
/// by bootstrap over patients, if any is implausible), then of synthetic masks by rule.
///
/// # Panics
/// Without synthetic masks.
pub fn scores(
    rules: &Rules,
    synthetic: &[Finding],
    held_out: Option<HeldOut>,
    seed: u64,
) -> Vec<Score> {
    assert!(!synthetic.is_empty(), "masks to sum up");
    let names = rules.names();
    let learned = format!(
        "{} rules learned from {} masks of {} real training patients ({:.0}st to {:.0}th percentile, widened by {:.2} \
         times the width of either tail)",
        names.len(),
        rules.masks,
        rules.patients,
        100.0 * TAIL,
        100.0 * (1.0 - TAIL),
        rules.margin
    );
    let score = |of: Option<Part>, value: f64, protocol: String| Score {
        of,
        real_count: Some(rules.masks),
        synthetic_count: Some(synthetic.len()),
        ..Score::new(METRIC, value, protocol)
    };
    let (hits, value) = share(synthetic, |finding| !finding.plausible());
    let protocol =
        format!("share of synthetic masks that break any of {learned}; interval: Wilson");
    let mut scores =
        vec![Score { interval: wilson(hits, synthetic.len()), ..score(None, value, protocol) }];
    if let Some(held_out) = held_out.filter(|held_out| !held_out.findings.is_empty()) {
        scores.push(held_out_score(&held_out, &learned, seed));
    }
    for (index, name) in names.iter().enumerate() {
        let (hits, value) = share(synthetic, |finding| finding.broken.contains(&index));
        let protocol =
            format!("share of synthetic masks that break this one of {learned}; interval: Wilson");
        scores.push(Score {
            interval: wilson(hits, synthetic.len()),
            ..score(Some(Part::Rule(name.clone())), value, protocol)
        });
    }
    scores
}

fn held_out_score(held_out: &HeldOut, learned: &str, seed: u64) -> Score {
    let mut by_patient: BTreeMap<&str, [usize; 2]> = BTreeMap::new();
    for (patient, finding) in held_out.patients.iter().zip(held_out.findings) {
        let [broken, all] = by_patient.entry(patient).or_default();
        *broken += usize::from(!finding.plausible());
        *all += 1;
    }
    let counts: Vec<[usize; 2]> = by_patient.into_values().collect();
    let (hits, value) = share(held_out.findings, |finding| !finding.plausible());
    // Resampling patients of whom none has a hit would claim certainty.
    let found = if hits == 0 {
        None
    } else {
        interval(counts.len(), seed, |drawn| {
            let sum = |side: usize| drawn.iter().map(|&i| counts[i][side]).sum::<usize>() as f64;
            Some(sum(0) / sum(1))
        })
    };
    let how = if found.is_some() {
        "bootstrap over patients"
    } else {
        "none, as no patient tells of its spread"
    };
    Score {
        of: Some(Part::HeldOutReal),
        interval: found,
        real_count: Some(held_out.findings.len()),
        ..Score::new(
            METRIC,
            value,
            format!(
                "share of masks of {} real test patients, who taught no rule, that break any of {learned}: false alarms; \
                 interval: {how}",
                counts.len()
            ),
        )
    }
}

/// Every rule with the share of synthetic and of held-out real masks that break it, most broken first.
pub fn by_rule(rules: &Rules, synthetic: &[Finding], held_out: Option<HeldOut>) -> Vec<Value> {
    let mut rows: Vec<(f64, Value)> = rules
        .names()
        .into_iter()
        .enumerate()
        .map(|(index, name)| {
            let of =
                |findings: &[Finding]| share(findings, |finding| finding.broken.contains(&index)).1;
            let real =
                held_out.filter(|real| !real.findings.is_empty()).map(|real| of(real.findings));
            let value = of(synthetic);
            (value, json!({ "rule": name, "synthetic": value, "held_out_real": real }))
        })
        .collect();
    rows.sort_by(|a, b| b.0.total_cmp(&a.0));
    rows.into_iter().map(|(_, row)| row).collect()
}

/// One or two plain sentences of the scores of [`scores`] and of pair agreement: Dice of the synthetic pairs and of
/// real test ones.
pub fn summary(shares: &[Score], pair_dice: f64, real_dice: Option<f64>) -> String {
    let percent = |share: f64| format!("{:.1} %", 100.0 * share);
    let of = |part: Option<&Part>| {
        shares.iter().find(|score| score.of.as_ref() == part).map(|score| score.value)
    };
    let all = of(None).unwrap_or_default();
    let alarms = of(Some(&Part::HeldOutReal))
        .map_or(String::new(), |share| format!(" ({} of held-out real masks do)", percent(share)));
    let rule = shares
        .iter()
        .filter_map(|score| match &score.of {
            Some(Part::Rule(name)) => Some((name, score.value)),
            _ => None,
        })
        .rev()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .filter(|(_, share)| *share > 0.0)
        .map_or(String::new(), |(name, _)| format!(", most often \"{name}\""));
    let scale =
        real_dice.map_or(String::new(), |dice| format!(", on real test patients with {dice:.2}"));
    format!(
        "{} of the synthetic masks break a rule learned from the real training masks{alarms}{rule}. A U-Net trained on \
         real data agrees with the synthetic masks with a Dice of {pair_dice:.2}{scale}.",
        percent(all)
    )
}

#[cfg(test)]
mod tests {
    use super::super::rules::Ranges;
    use super::*;
    use std::collections::BTreeSet;

    fn rules() -> Rules {
        Rules {
            classes: vec!["background".into(), "disc".into()],
            ranges: Ranges { all: vec![], combinations: BTreeSet::from([vec![1]]) },
            margin: 0.5,
            target: 0.02,
            cross_validated: 0.02,
            masks: 40,
            patients: 10,
        }
    }

    fn findings(broken: usize, all: usize) -> Vec<Finding> {
        let one = |i| Finding { broken: if i < broken { vec![0] } else { vec![] }, severity: 0.0 };
        (0..all).map(one).collect()
    }

    #[test]
    fn shares_stand_beside_false_alarms_and_the_words_say_both() {
        let (synthetic, real) = (findings(30, 100), findings(1, 20));
        let patients: Vec<&str> = (0..20).map(|i| ["a", "b", "c", "d"][i / 5]).collect();
        let held_out = HeldOut { patients: &patients, findings: &real };
        let found = scores(&rules(), &synthetic, Some(held_out), 1);
        let values: Vec<(Option<Part>, f64)> =
            found.iter().map(|score| (score.of.clone(), score.value)).collect();
        let rule = Part::Rule("classes together".into());
        assert_eq!(values, [(None, 0.3), (Some(Part::HeldOutReal), 0.05), (Some(rule), 0.3)]);
        let [low, high] = found[1].interval.unwrap();
        assert!(low == 0.0 && (0.05..=0.2).contains(&high), "{low} {high}");
        let text = summary(&found, 0.712, Some(0.8));
        for part in ["30.0 %", "5.0 % of held-out", "\"classes together\"", "0.71", "0.80"] {
            assert!(text.contains(part), "{text} lacks {part}");
        }
        let rows = by_rule(&rules(), &synthetic, Some(held_out));
        assert_eq!(rows[0]["held_out_real"], 0.05);
    }

    #[test]
    fn no_hit_among_few_patients_claims_no_certainty() {
        let (synthetic, real) = (findings(0, 100), findings(0, 4));
        let held_out = HeldOut { patients: &["a", "a", "b", "b"], findings: &real };
        let found = scores(&rules(), &synthetic, Some(held_out), 1);
        assert!(found[0].interval.unwrap()[1] > 0.03);
        assert_eq!((found[1].value, found[1].interval), (0.0, None));
        assert!(!summary(&found, 0.7, None).contains("most often"));
    }
}
