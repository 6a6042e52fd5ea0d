//! Who trains and who tests: decided once, per patient, and fixed in the pack.

use super::manifest::Split;
use super::volume::CaseFiles;
use crate::digest;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// How patients are divided.
#[derive(Debug, Clone, PartialEq)]
pub enum SplitRule {
    /// As the dataset's makers did.
    Official,
    /// These patients test, all others train.
    TestPatients(Vec<String>),
    /// A share of the patients tests, drawn by a seed.
    Seeded {
        /// Seed of the draw.
        seed: u64,
        /// Share of the patients, in (0, 1).
        test_share: f64,
    },
}

impl std::fmt::Display for SplitRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Official => write!(f, "official"),
            Self::TestPatients(patients) => write!(f, "test patients {}", patients.join(", ")),
            Self::Seeded { seed, test_share } => {
                write!(f, "seed {seed}, {test_share} of the patients test")
            }
        }
    }
}

impl SplitRule {
    /// The side of every patient.
    ///
    /// # Errors
    /// When a side would be empty, a named patient does not exist, or the dataset has no split of its own.
    pub fn apply(&self, cases: &[CaseFiles]) -> Result<BTreeMap<String, Split>> {
        let patients: BTreeSet<&str> = cases.iter().map(|case| case.patient.as_str()).collect();
        if patients.len() < 2 {
            bail!(
                "only one patient ({}), expected at least 2: one to train on and one to test on",
                patients.first().unwrap_or(&"none")
            );
        }
        let test: BTreeSet<&str> = match self {
            Self::Official => {
                if let Some(case) = cases.iter().find(|case| case.official.is_none()) {
                    bail!("split official: {} is on neither side of an official split", case.id);
                }
                let test = cases.iter().filter(|case| case.official == Some(Split::Test));
                test.map(|case| case.patient.as_str()).collect()
            }
            Self::TestPatients(named) => {
                if let Some(missing) = named.iter().find(|name| !patients.contains(name.as_str())) {
                    bail!(
                        "test patient {missing}: not in this dataset; expected some of {}",
                        list(&patients)
                    );
                }
                named.iter().map(String::as_str).collect()
            }
            Self::Seeded { seed, test_share } => {
                if !(*test_share > 0.0 && *test_share < 1.0) {
                    bail!("test share {test_share}: expected more than 0 and less than 1");
                }
                // Ordered by a digest of (seed, name): a draw that no random generator's version can change.
                let mut order: Vec<&str> = patients.iter().copied().collect();
                order.sort_by_key(|patient| {
                    digest::of_bytes(format!("vesalius/split/1/{seed}/{patient}").as_bytes())
                });
                let count = (test_share * patients.len() as f64).round() as usize;
                order.truncate(count.clamp(1, patients.len() - 1));
                order.into_iter().collect()
            }
        };
        if test.is_empty() || test.len() == patients.len() {
            bail!(
                "split {self}: {} of {} patients test, expected both sides",
                test.len(),
                patients.len()
            );
        }
        let side = |name: &str| if test.contains(name) { Split::Test } else { Split::Train };
        Ok(patients.iter().map(|&name| (name.to_owned(), side(name))).collect())
    }
}

fn list(patients: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = patients.iter().copied().take(5).collect();
    let more = if patients.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(patients: &[&str]) -> Vec<CaseFiles> {
        let case = |patient: &&str| CaseFiles {
            id: format!("{patient}-1"),
            patient: (*patient).to_owned(),
            official: None,
            images: vec![],
            masks: vec![],
        };
        patients.iter().map(case).collect()
    }

    #[test]
    fn a_seed_repeats_and_all_cases_of_a_patient_stay_together() {
        let cases = cases(&["a", "a", "b", "c", "d", "e"]);
        let rule = SplitRule::Seeded { seed: 1, test_share: 0.4 };
        let split = rule.apply(&cases).unwrap();
        assert_eq!(split, rule.apply(&cases).unwrap());
        assert_eq!(split.len(), 5);
        assert_eq!(split.values().filter(|side| **side == Split::Test).count(), 2);
        let others = (2..12).map(|seed| SplitRule::Seeded { seed, test_share: 0.4 });
        assert!(others.map(|rule| rule.apply(&cases).unwrap()).any(|other| other != split));
    }

    #[test]
    fn a_side_without_patients_is_refused() {
        let one = SplitRule::Seeded { seed: 1, test_share: 0.5 }.apply(&cases(&["a", "a"]));
        assert!(one.unwrap_err().to_string().contains("only one patient (a)"));
        let named = |names: &[&str]| {
            SplitRule::TestPatients(names.iter().map(|n| (*n).to_owned()).collect())
                .apply(&cases(&["a", "b"]))
        };
        assert!(named(&["z"]).unwrap_err().to_string().contains("test patient z"));
        assert!(named(&["a", "b"]).is_err());
        assert!(named(&["a"]).is_ok());
        assert!(SplitRule::Official.apply(&cases(&["a", "b"])).is_err());
    }
}
