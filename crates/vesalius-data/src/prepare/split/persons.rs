//! Persons behind patients' names, and how they are drawn.

use crate::checks::linked::Linked;
use crate::files::digest;
use std::collections::{BTreeMap, BTreeSet};

/// Names that belong to one person, drawn by the first.
pub(super) struct Persons<'n> {
    /// The person behind each name.
    pub(super) of: BTreeMap<&'n str, &'n str>,
    /// The pathology group of each person, where the dataset tells.
    groups: BTreeMap<&'n str, &'n str>,
}

impl<'n> Persons<'n> {
    pub(super) fn new(
        patients: &BTreeSet<&'n str>,
        linked: &'n [Linked],
        groups: &'n BTreeMap<String, String>,
    ) -> Self {
        let mut of: BTreeMap<&str, &str> = patients.iter().map(|&name| (name, name)).collect();
        for group in linked {
            for name in &group.patients {
                of.insert(name, &group.patients[0]);
            }
        }
        let groups = groups.iter().map(|(name, group)| (name.as_str(), group.as_str())).collect();
        Self { of, groups }
    }

    /// All of them.
    pub(super) fn all(&self) -> BTreeSet<&'n str> {
        self.of.values().copied().collect()
    }

    /// In the order of a draw, group after group: a digest of (purpose, seed, name), which no random generator's version
    /// can change.
    pub(super) fn drawn(
        &self,
        persons: &BTreeSet<&'n str>,
        purpose: &str,
        seed: u64,
    ) -> Vec<&'n str> {
        let mut order: Vec<&str> = persons.iter().copied().collect();
        order.sort_by_key(|person| {
            let text = format!("vesalius/{purpose}/1/{seed}/{person}");
            (
                self.groups.get(person).copied().unwrap_or_default(),
                digest::of_bytes(text.as_bytes()),
            )
        });
        order
    }

    /// A share of them, alike in each group: of the drawn order those at even distances.
    pub(super) fn share(
        &self,
        of: &BTreeSet<&'n str>,
        purpose: &str,
        seed: u64,
        share: f64,
    ) -> BTreeSet<&'n str> {
        let order = self.drawn(of, purpose, seed);
        let count =
            ((share * order.len() as f64).round() as usize).clamp(1, order.len().max(2) - 1);
        (0..count).map(|i| order[i * order.len() / count]).collect()
    }
}
