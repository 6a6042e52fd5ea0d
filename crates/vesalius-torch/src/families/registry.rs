//! Which families there are, by the name that `networks.family` gives: those of this crate, and any that is registered.

use super::dcgan::spec::DcganSpec;
use super::spade::spec::SpadeSpec;
use super::style::spec::{GrowingNetworks, StyleSpec, WholeNetworks};
use crate::spec::family::{Family, FamilySpec, typed};
use anyhow::{Context as _, Result, bail};
use std::sync::{PoisonError, RwLock};

/// A family by its name.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What `networks.family` says.
    pub name: &'static str,
    /// Its own fields of the table `training`.
    pub schedule: &'static [&'static str],
    /// Reads its part of a spec.
    pub read: fn(toml::Table) -> Result<Box<dyn FamilySpec>>,
}

impl Entry {
    /// Of a family's spec.
    pub const fn of<F: Family>() -> Self {
        Self {
            name: F::NAME,
            schedule: F::SCHEDULE,
            read: |table| Ok(Box::new(typed::<F>("", table)?)),
        }
    }
}

/// The families of this crate.
const BUILT_IN: &[Entry] = &[
    Entry::of::<DcganSpec>(),
    Entry::of::<SpadeSpec>(),
    Entry::of::<StyleSpec<GrowingNetworks>>(),
    Entry::of::<StyleSpec<WholeNetworks>>(),
];

/// Those from elsewhere.
static REGISTERED: RwLock<Vec<Entry>> = RwLock::new(Vec::new());

fn all() -> Vec<Entry> {
    let registered = REGISTERED.read().unwrap_or_else(PoisonError::into_inner);
    BUILT_IN.iter().chain(registered.iter()).copied().collect()
}

/// Makes a family known that is not of this crate.
///
/// # Errors
/// When there is one of that name.
pub fn register<F: Family>() -> Result<()> {
    if all().iter().any(|entry| entry.name == F::NAME) {
        bail!("networks.family: {} is there already, expected a new name", F::NAME);
    }
    REGISTERED.write().unwrap_or_else(PoisonError::into_inner).push(Entry::of::<F>());
    Ok(())
}

/// The family of a name.
///
/// # Errors
/// When there is none; the known ones are listed.
pub fn find(name: &str) -> Result<Entry> {
    let all = all();
    all.iter().find(|entry| entry.name == name).copied().with_context(|| {
        let known: Vec<&str> = all.iter().map(|entry| entry.name).collect();
        format!("networks.family = {name:?}: expected one of {}", known.join(", "))
    })
}
