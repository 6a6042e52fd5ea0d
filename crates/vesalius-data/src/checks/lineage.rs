//! Who is in what: the persons that trained, or made, a pack, and whether they meet those who judge it.
//!
//! Every command that brings packs together asks here before it computes. Persons are known by their source slices,
//! whatever
//! their folders were called and however they were resampled; by name within datasets of one name too, because another
//! preparation (bias correction, another export) changes the values.

use crate::pack::Pack;
use crate::pack::manifest::{CaseRecord, Manifest, Provenance, Seen, Split};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// A person of a dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name of the dataset.
    pub dataset: String,
    /// Name there.
    pub patient: String,
    /// Digests of the source's slices; empty in packs of older versions.
    pub slices: BTreeSet<String>,
}

/// Two names of one person, or one name twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Met {
    /// As the one side calls it.
    pub here: String,
    /// As the other does.
    pub there: String,
    /// Whether images say so; else the names.
    pub by_images: bool,
}

impl fmt::Display for Met {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if self.here == self.there {
            write!(f, "{}", self.here)
        } else {
            write!(f, "{} (here {})", self.there, self.here)
        }
    }
}

/// The persons of one side of a real manifest, by name.
pub fn persons(manifest: &Manifest, split: Split) -> Vec<Person> {
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for CaseRecord { patient, source_slices, split: side, .. } in &manifest.cases {
        if *side == split {
            found.entry(patient).or_default().extend(source_slices.iter().cloned());
        }
    }
    let person = |(patient, slices): (&str, BTreeSet<String>)| Person {
        dataset: manifest.dataset.clone(),
        patient: patient.to_owned(),
        slices,
    };
    found.into_iter().map(person).collect()
}

/// The same as a synthetic manifest keeps them.
pub fn seen(persons: Vec<Person>) -> Vec<Seen> {
    let one = |person: Person| Seen {
        dataset: person.dataset,
        patient: person.patient,
        source_slices: person.slices.into_iter().collect(),
    };
    persons.into_iter().map(one).collect()
}

/// The persons behind the images of a pack that train something: of a real pack its training side, of a synthetic one
/// those
/// that its generator saw. `None` where a pack of an older version does not say and none of `known` is what it was
/// trained
/// on.
pub fn behind(pack: &Pack, known: &[&Pack]) -> Option<Vec<Person>> {
    let Provenance::Synthetic { trained_on, seen, .. } = &pack.manifest().provenance else {
        return Some(persons(pack.manifest(), Split::Train));
    };
    if seen.is_empty() {
        let real = known.iter().find(|other| other.digest() == trained_on)?;
        return Some(persons(real.manifest(), Split::Train));
    }
    let one = |seen: &Seen| Person {
        dataset: seen.dataset.clone(),
        patient: seen.patient.clone(),
        slices: seen.source_slices.iter().cloned().collect(),
    };
    Some(seen.iter().map(one).collect())
}

/// Who of `here` is also in `there`, by images first.
pub fn meet(here: &[Person], there: &[Person]) -> Vec<Met> {
    let mut by_slice: BTreeMap<&str, &Person> = BTreeMap::new();
    let mut by_name: BTreeMap<(&str, &str), &Person> = BTreeMap::new();
    for person in there {
        by_name.insert((&person.dataset, &person.patient), person);
        for slice in &person.slices {
            by_slice.entry(slice).or_insert(person);
        }
    }
    let met = |person: &Person| {
        let by_images = person.slices.iter().find_map(|slice| by_slice.get(slice.as_str()));
        let same_name = by_name.get(&(person.dataset.as_str(), person.patient.as_str()));
        let other = by_images.or(same_name)?;
        Some(Met {
            here: person.patient.clone(),
            there: other.patient.clone(),
            by_images: by_images.is_some(),
        })
    };
    here.iter().filter_map(met).collect()
}

/// Names that `here` and `there` share though their datasets are called differently and no image says that they are one
/// person.
pub fn namesakes(here: &[Person], there: &[Person]) -> Vec<String> {
    let names: BTreeSet<&str> = there.iter().map(|person| person.patient.as_str()).collect();
    let met: BTreeSet<String> = meet(here, there).into_iter().map(|met| met.here).collect();
    let shared = here.iter().map(|person| &person.patient);
    shared.filter(|name| names.contains(name.as_str()) && !met.contains(*name)).cloned().collect()
}

/// How the images of a generator and a real pack belong together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// It was trained on this pack's training patients, or on all of them in another preparation of theirs.
    Trained,
    /// None of its persons is in this pack.
    Apart,
    /// Some are, in another way than a training pack has them.
    Mixed {
        /// Of the pack's test patients those that the generator saw.
        held_out_seen: Vec<Met>,
        /// The same of those who validate.
        validating_seen: Vec<Met>,
        /// Of the pack's training patients those that it did not see.
        training_unseen: Vec<String>,
        /// Persons that it saw and that are not in the pack.
        seen_elsewhere: Vec<String>,
    },
    /// A pack of an older version that was trained on another one: the digest of that.
    Unknown(String),
}

/// How `made` (a generator's images, or other images in their place) relates to `real`.
pub fn relation(real: &Pack, made: &Pack) -> Relation {
    if let Provenance::Synthetic { trained_on, .. } = &made.manifest().provenance
        && trained_on == real.digest()
    {
        return Relation::Trained;
    }
    let Some(behind) = behind(made, &[real]) else {
        let Provenance::Synthetic { trained_on, .. } = &made.manifest().provenance else {
            return Relation::Apart;
        };
        return Relation::Unknown(trained_on.clone());
    };
    let [training, validating, held_out] = Split::ALL.map(|side| persons(real.manifest(), side));
    let held_out_seen = meet(&held_out, &behind);
    let validating_seen = meet(&validating, &behind);
    let seen: BTreeSet<String> = meet(&training, &behind).into_iter().map(|met| met.here).collect();
    let training_unseen: Vec<String> = training
        .iter()
        .map(|person| person.patient.clone())
        .filter(|name| !seen.contains(name))
        .collect();
    let mut known: BTreeSet<String> =
        meet(&behind, &training).into_iter().map(|met| met.here).collect();
    // Those who are held out are named once.
    known.extend(held_out_seen.iter().chain(&validating_seen).map(|met| met.there.clone()));
    let elsewhere = behind.iter().map(|person| person.patient.clone());
    let seen_elsewhere: Vec<String> = elsewhere.filter(|name| !known.contains(name)).collect();
    let seen_here = held_out_seen.len() + validating_seen.len();
    if seen_here == 0 && seen.is_empty() {
        Relation::Apart
    } else if seen_here + training_unseen.len() + seen_elsewhere.len() == 0 {
        Relation::Trained
    } else {
        Relation::Mixed { held_out_seen, validating_seen, training_unseen, seen_elsewhere }
    }
}

/// Names in one line: all up to eight, else eight and how many more.
pub fn list<T: fmt::Display>(names: &[T]) -> String {
    list_of(names, ", ")
}

/// The same with something else between them.
pub fn list_of<T: fmt::Display>(names: &[T], between: &str) -> String {
    const NAMED: usize = 8;
    let shown: Vec<String> = names.iter().take(NAMED).map(ToString::to_string).collect();
    let more = names.len().saturating_sub(NAMED);
    let shown = shown.join(between);
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

#[cfg(test)]
mod tests;
