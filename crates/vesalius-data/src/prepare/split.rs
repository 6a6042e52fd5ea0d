//! Who trains and who tests: decided once, per patient, and fixed in the pack.

use crate::checks::linked::Linked;
use crate::files::digest;
use crate::pack::manifest::Split;
use crate::volume::CaseFiles;
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
    /// The side of every patient; those of `linked` who are one person are on one side.
    ///
    /// # Errors
    /// When a side would be empty, a named patient does not exist, the dataset has no split of its own, or the dataset
    /// or
    /// the user would put one person on both sides.
    pub fn apply(&self, cases: &[CaseFiles], linked: &[Linked]) -> Result<BTreeMap<String, Split>> {
        let patients: BTreeSet<&str> = cases.iter().map(|case| case.patient.as_str()).collect();
        // One person is drawn by the first of its names.
        let mut person: BTreeMap<&str, &str> = patients.iter().map(|&name| (name, name)).collect();
        for group in linked {
            for name in &group.patients {
                person.insert(name, &group.patients[0]);
            }
        }
        let persons: BTreeSet<&str> = person.values().copied().collect();
        if persons.len() < 2 {
            let same = if patients.len() > 1 { ", under several names" } else { "" };
            bail!(
                "only one patient ({}{same}), expected at least 2: one to train on and one to test on",
                persons.first().unwrap_or(&"none")
            );
        }
        let test: BTreeSet<&str> = match self {
            Self::Official => {
                if let Some(case) = cases.iter().find(|case| case.official.is_none()) {
                    bail!("split official: {} is on neither side of an official split", case.id);
                }
                let of = |side: Split| -> BTreeSet<&str> {
                    let cases = cases.iter().filter(|case| case.official == Some(side));
                    cases.map(|case| case.patient.as_str()).collect()
                };
                let test = of(Split::Test);
                if let Some(both) = of(Split::Train).intersection(&test).next() {
                    bail!(
                        "split official: patient {both} is on both of its sides, expected one; --split seed draws another"
                    );
                }
                test
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
                let mut order: Vec<&str> = persons.iter().copied().collect();
                order.sort_by_key(|patient| {
                    digest::of_bytes(format!("vesalius/split/1/{seed}/{patient}").as_bytes())
                });
                let count = (test_share * persons.len() as f64).round() as usize;
                order.truncate(count.clamp(1, persons.len() - 1));
                let drawn: BTreeSet<&str> = order.into_iter().collect();
                patients.iter().copied().filter(|name| drawn.contains(person[name])).collect()
            }
        };
        if test.is_empty() || test.len() == patients.len() {
            bail!(
                "split {self}: {} of {} patients test, expected both sides",
                test.len(),
                patients.len()
            );
        }
        for group in linked {
            let (there, here): (Vec<&String>, Vec<&String>) =
                group.patients.iter().partition(|name| test.contains(name.as_str()));
            if let (Some(there), Some(here)) = (there.first(), here.first()) {
                bail!(
                    "split {self}: {there} tests and {here} trains, but they have {}; expected both on one side",
                    group.evidence.text()
                );
            }
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
        let split = rule.apply(&cases, &[]).unwrap();
        assert_eq!(split, rule.apply(&cases, &[]).unwrap());
        assert_eq!(split.len(), 5);
        assert_eq!(split.values().filter(|side| **side == Split::Test).count(), 2);
        let others = (2..12).map(|seed| SplitRule::Seeded { seed, test_share: 0.4 });
        assert!(others.map(|rule| rule.apply(&cases, &[]).unwrap()).any(|other| other != split));
    }

    #[test]
    fn one_person_under_two_names_is_on_one_side_or_refused() {
        use crate::checks::linked::Evidence;
        let cases = cases(&["a", "b", "c", "d", "e", "f"]);
        let linked = [Linked {
            patients: ["b", "e", "f"].map(str::to_owned).to_vec(),
            evidence: Evidence::Images,
            example: ["b-1", "e-1"].map(str::to_owned),
        }];
        let mut tested = BTreeSet::new();
        for seed in 0..20 {
            let split = SplitRule::Seeded { seed, test_share: 0.5 }.apply(&cases, &linked).unwrap();
            assert!(split["b"] == split["e"] && split["e"] == split["f"], "{split:?}");
            tested.insert(split["b"]);
        }
        assert_eq!(tested.len(), 2);
        let named = SplitRule::TestPatients(vec!["b".into(), "e".into()]);
        let error = named.apply(&cases, &linked).unwrap_err().to_string();
        assert!(error.contains("b tests and f trains"), "{error}");
        let all = [Linked {
            patients: ["a", "b", "c", "d", "e", "f"].map(str::to_owned).to_vec(),
            evidence: Evidence::Person,
            example: ["a-1", "b-1"].map(str::to_owned),
        }];
        assert!(SplitRule::Seeded { seed: 1, test_share: 0.5 }.apply(&cases, &all).is_err());
    }

    #[test]
    fn an_official_split_that_puts_a_patient_on_both_sides_is_none() {
        let mut cases = cases(&["a", "b", "b"]);
        for (case, side) in cases.iter_mut().zip([Split::Train, Split::Train, Split::Test]) {
            case.official = Some(side);
        }
        let error = SplitRule::Official.apply(&cases, &[]).unwrap_err().to_string();
        assert!(error.contains("patient b is on both"), "{error}");
    }

    #[test]
    fn a_side_without_patients_is_refused() {
        let one = SplitRule::Seeded { seed: 1, test_share: 0.5 }.apply(&cases(&["a", "a"]), &[]);
        assert!(one.unwrap_err().to_string().contains("only one patient (a)"));
        let named = |names: &[&str]| {
            SplitRule::TestPatients(names.iter().map(|n| (*n).to_owned()).collect())
                .apply(&cases(&["a", "b"]), &[])
        };
        assert!(named(&["z"]).unwrap_err().to_string().contains("test patient z"));
        assert!(named(&["a", "b"]).is_err());
        assert!(named(&["a"]).is_ok());
        assert!(SplitRule::Official.apply(&cases(&["a", "b"]), &[]).is_err());
    }
}
