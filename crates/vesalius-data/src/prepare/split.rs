//! Who trains, who chooses and who tests: decided once, per patient, and fixed in the pack.

mod persons;
mod rule;

pub use rule::SplitRule;

use crate::checks::linked::Linked;
use crate::pack::manifest::Split;
use crate::volume::CaseFiles;
use anyhow::{Result, bail};
use persons::Persons;
use rule::list;
use std::collections::{BTreeMap, BTreeSet};

/// How patients are divided.
#[derive(Debug, Clone, PartialEq)]
pub struct Division {
    /// Who tests.
    pub test: SplitRule,
    /// Who of the others chooses instead of training; none by default.
    pub validation: Option<Validation>,
}

/// Who of those who do not test chooses lengths, checkpoints and generators, and trains nothing.
#[derive(Debug, Clone, PartialEq)]
pub enum Validation {
    /// These patients.
    Patients(Vec<String>),
    /// A share of those who do not test, drawn by a seed.
    Seeded {
        /// Seed of the draw.
        seed: u64,
        /// Share of those who do not test, in (0, 1).
        share: f64,
    },
}

/// Each patient's place.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Places {
    /// Side of the split; of a pack with folds all train as long as no fold is asked for.
    pub sides: BTreeMap<String, Split>,
    /// Fold that each patient tests in, and those it validates in; empty without folds.
    pub folds: BTreeMap<String, (usize, Vec<usize>)>,
}

impl std::fmt::Display for Division {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.test)?;
        match &self.validation {
            None => Ok(()),
            Some(Validation::Patients(patients)) => {
                write!(f, "; validation patients {}", patients.join(", "))
            }
            Some(Validation::Seeded { seed, share }) => {
                write!(f, "; seed {seed}, {share} of the others validate")
            }
        }
    }
}

impl Division {
    /// The place of every patient; those of `linked` who are one person are on one side. `groups` are of patients, where
    /// the dataset has some.
    ///
    /// # Errors
    /// When a side would be empty, a named patient does not exist or is named for both, there are fewer persons than
    /// folds, the dataset has no split of its own, or the dataset or the user would put one person on two sides.
    pub fn apply(
        &self,
        cases: &[CaseFiles],
        linked: &[Linked],
        groups: &BTreeMap<String, String>,
    ) -> Result<Places> {
        if let Some(Validation::Seeded { share, .. }) = self.validation
            && !(share > 0.0 && share < 1.0)
        {
            bail!("validation share {share}: expected more than 0 and less than 1");
        }
        let patients: BTreeSet<&str> = cases.iter().map(|case| case.patient.as_str()).collect();
        let persons = Persons::new(&patients, linked, groups);
        if let SplitRule::Folds { seed, count } = self.test {
            return self.drawn_folds(&persons, seed, count);
        }
        if self.test == SplitRule::Official && cases.iter().any(|case| case.fold.is_some()) {
            return self.own_folds(&persons, cases, linked);
        }
        let mut sides = self.test.apply(cases, linked)?;
        if !sides.values().any(|side| *side == Split::Train) {
            bail!("split {self}: nobody trains, expected some who neither test nor validate");
        }
        if let Some(validates) = sides.iter().find(|(_, side)| **side == Split::Validate)
            && self.validation.is_some()
        {
            bail!(
                "split official: {} validates as the dataset says, expected no other choice of validation patients",
                validates.0
            );
        }
        let others: BTreeSet<&str> =
            patients.iter().copied().filter(|name| sides[*name] == Split::Train).collect();
        let chosen: BTreeSet<&str> = match &self.validation {
            None => return Ok(Places { sides, folds: BTreeMap::new() }),
            Some(Validation::Patients(named)) => {
                if let Some(wrong) = named.iter().find(|name| !others.contains(name.as_str())) {
                    let why = if patients.contains(wrong.as_str()) {
                        "it tests"
                    } else {
                        "not in this dataset"
                    };
                    bail!("validation patient {wrong}: {why}; expected some of {}", list(&others));
                }
                named.iter().map(String::as_str).collect()
            }
            Some(Validation::Seeded { seed, share }) => {
                let left: BTreeSet<&str> = others.iter().map(|name| persons.of[name]).collect();
                let drawn = persons.share(&left, "validate", *seed, *share);
                others.iter().copied().filter(|name| drawn.contains(persons.of[name])).collect()
            }
        };
        if chosen.len() >= others.len() {
            bail!(
                "{self}: {} of {} patients who do not test validate, expected some to train",
                chosen.len(),
                others.len()
            );
        }
        for name in chosen {
            sides.insert(name.to_owned(), Split::Validate);
        }
        together(&self.to_string(), linked, &sides)?;
        Ok(Places { sides, folds: BTreeMap::new() })
    }

    fn drawn_folds(&self, persons: &Persons, seed: u64, count: usize) -> Result<Places> {
        let all = persons.all();
        if count < 2 || all.len() < count {
            bail!(
                "{count} folds of {} patients, expected at least 2 folds, and a patient for each",
                all.len()
            );
        }
        let order = persons.drawn(&all, "folds", seed);
        let fold_of: BTreeMap<&str, usize> =
            order.iter().enumerate().map(|(i, person)| (*person, i % count)).collect();
        self.folds(persons, &fold_of, count)
    }

    /// As the dataset's makers divided its patients.
    fn own_folds(
        &self,
        persons: &Persons,
        cases: &[CaseFiles],
        linked: &[Linked],
    ) -> Result<Places> {
        let mut of_patient: BTreeMap<&str, usize> = BTreeMap::new();
        for case in cases {
            let Some(fold) = case.fold else {
                bail!("split official: {} is in no fold, expected one for every patient", case.id);
            };
            if *of_patient.entry(&case.patient).or_insert(fold) != fold {
                bail!("split official: patient {} is in two folds, expected one", case.patient);
            }
        }
        for group in linked {
            let first = &group.patients[0];
            let apart = |name: &&String| of_patient[name.as_str()] != of_patient[first.as_str()];
            if let Some(other) = group.patients.iter().find(apart) {
                bail!(
                    "split official: {first} and {other} are in two folds, but they have {}; expected both in one",
                    group.evidence.text()
                );
            }
        }
        let numbers: BTreeSet<usize> = of_patient.values().copied().collect();
        if numbers.len() < 2 {
            bail!("split official: all patients are in one fold, expected at least 2 folds");
        }
        let rank: BTreeMap<usize, usize> =
            numbers.iter().enumerate().map(|(at, number)| (*number, at)).collect();
        let fold_of =
            persons.of.iter().map(|(name, person)| (*person, rank[&of_patient[*name]])).collect();
        self.folds(persons, &fold_of, numbers.len())
    }

    /// Places of folds that are known, and who validates in each.
    fn folds(
        &self,
        persons: &Persons,
        fold_of: &BTreeMap<&str, usize>,
        count: usize,
    ) -> Result<Places> {
        let all = persons.all();
        let mut validates: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for fold in 0..count {
            let others: BTreeSet<&str> =
                all.iter().copied().filter(|person| fold_of[person] != fold).collect();
            match &self.validation {
                None => {}
                Some(Validation::Patients(_)) => {
                    bail!(
                        "validation patients by name with folds: expected a share of each fold's others"
                    )
                }
                Some(Validation::Seeded { seed, share }) => {
                    if others.len() < 2 {
                        bail!(
                            "{self}: {} patients do not test in fold {fold}, expected at least 2",
                            others.len()
                        );
                    }
                    for person in persons.share(&others, &format!("validate/{fold}"), *seed, *share)
                    {
                        validates.entry(person).or_default().push(fold);
                    }
                }
            }
        }
        let place = |(name, person): (&&str, &&str)| {
            let validates = validates.get(*person).cloned().unwrap_or_default();
            ((*name).to_owned(), (fold_of[*person], validates))
        };
        let sides = persons.of.keys().map(|name| ((*name).to_owned(), Split::Train)).collect();
        Ok(Places { sides, folds: persons.of.iter().map(place).collect() })
    }
}

/// Refuses one person on two sides.
fn together(rule: &str, linked: &[Linked], sides: &BTreeMap<String, Split>) -> Result<()> {
    for group in linked {
        let first = &group.patients[0];
        if let Some(other) = group.patients.iter().find(|name| sides[*name] != sides[first]) {
            bail!(
                "split {rule}: {first} {} and {other} {}, but they have {}; expected both on one side",
                sides[first].does(),
                sides[other].does(),
                group.evidence.text()
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
