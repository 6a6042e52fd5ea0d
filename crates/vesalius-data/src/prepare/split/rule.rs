//! Who tests.

use super::together;
use crate::checks::linked::Linked;
use crate::files::digest;
use crate::pack::manifest::Split;
use crate::volume::CaseFiles;
use anyhow::{Result, bail};
use std::collections::{BTreeMap, BTreeSet};

/// Who tests.
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
    /// Everybody, in one of so many folds, drawn by a seed and alike in the dataset's groups.
    Folds {
        /// Seed of the draw.
        seed: u64,
        /// Number of folds.
        count: usize,
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
            Self::Folds { seed, count } => write!(f, "seed {seed}, {count} folds"),
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
    pub(super) fn apply(
        &self,
        cases: &[CaseFiles],
        linked: &[Linked],
    ) -> Result<BTreeMap<String, Split>> {
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
                let validate = of(Split::Validate);
                let train = of(Split::Train);
                let two = train.intersection(&test).chain(train.intersection(&validate));
                if let Some(both) = two.chain(validate.intersection(&test)).next() {
                    bail!(
                        "split official: patient {both} is on two of its sides, expected one; --split seed draws another"
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
            Self::Folds { .. } => BTreeSet::new(), // each tests in its fold: `Division::folds`
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
        let validates = |name: &str| {
            *self == Self::Official
                && cases.iter().any(|c| c.patient == name && c.official == Some(Split::Validate))
        };
        let side = |name: &str| match (test.contains(name), validates(name)) {
            (true, _) => Split::Test,
            (false, true) => Split::Validate,
            (false, false) => Split::Train,
        };
        let sides = patients.iter().map(|&name| (name.to_owned(), side(name))).collect();
        together(&self.to_string(), linked, &sides)?;
        Ok(sides)
    }
}

/// Some names in one line.
pub(super) fn list(patients: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = patients.iter().copied().take(5).collect();
    let more = if patients.len() > shown.len() { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}
