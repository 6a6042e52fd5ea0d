//! What a family's spec is: every setting that is its own, and what it makes of them.

use super::schedule::Schedule;
use crate::families::domain::Domain;
use crate::families::generator::Generator;
use crate::families::trainer::Trainer;
use anyhow::{Result, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::fmt::Debug;
use vesalius_data::text::nearest;

/// A family, as the struct that holds its settings: the tables of `task.toml`, `networks` with its `family` among them,
/// and in a table `training` what its schedule has beside [`Schedule`]. Unknown fields are to be denied.
pub trait Family: Debug + Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// What `networks.family` says.
    const NAME: &'static str;
    /// Its own fields of the table `training`.
    const SCHEDULE: &'static [&'static str] = &[];
    /// Whether its networks have a form in three dimensions.
    const VOLUMES: bool = false;

    /// Refuses values that can only be mistakes.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    fn check(&self, schedule: &Schedule) -> Result<()>;

    /// Refuses settings that have no form for volumes; asked of families that have one.
    ///
    /// # Errors
    /// Names the setting and what was expected.
    fn check_volumes(&self) -> Result<()> {
        Ok(())
    }

    /// Whether its generator paints given masks instead of making its own.
    fn needs_masks(&self) -> bool {
        false
    }

    /// Whether its styles have a mean that truncation pulls them to.
    fn truncates(&self) -> bool {
        false
    }

    /// Whether an encoder of its generator can tell the styles of real images.
    fn encodes_styles(&self) -> bool {
        false
    }

    /// What trainings in bf16 have shown against it, in one sentence; none where nothing has.
    fn against_bf16(&self) -> Option<&'static str> {
        None
    }

    /// A generator for sampling pairs of `domain`, initialised from LibTorch's current seed.
    ///
    /// # Errors
    /// When the family cannot make this size.
    fn generator(&self, domain: Domain) -> Result<Box<dyn Generator>>;

    /// A generator at the start of its training, initialised from the schedule's seed.
    ///
    /// # Errors
    /// When the family cannot make this size, or weights it needs are missing or do not fit.
    fn trainer(&self, schedule: &Schedule, domain: Domain) -> Result<Box<dyn Trainer>>;
}

/// A [`Family`] whose type is not known.
pub trait FamilySpec: Debug + Send + Sync {
    /// See [`Family::NAME`].
    fn name(&self) -> &'static str;
    /// See [`Family::VOLUMES`].
    fn makes_volumes(&self) -> bool;
    /// See [`Family::check`].
    ///
    /// # Errors
    /// Those of [`Family::check`].
    fn check(&self, schedule: &Schedule) -> Result<()>;
    /// See [`Family::check_volumes`].
    ///
    /// # Errors
    /// Those of [`Family::check_volumes`].
    fn check_volumes(&self) -> Result<()>;
    /// See [`Family::needs_masks`].
    fn needs_masks(&self) -> bool;

    /// See [`Family::truncates`].
    fn truncates(&self) -> bool;
    /// See [`Family::encodes_styles`].
    fn encodes_styles(&self) -> bool;
    /// See [`Family::against_bf16`].
    fn against_bf16(&self) -> Option<&'static str>;
    /// See [`Family::generator`].
    ///
    /// # Errors
    /// Those of [`Family::generator`].
    fn generator(&self, domain: Domain) -> Result<Box<dyn Generator>>;
    /// See [`Family::trainer`].
    ///
    /// # Errors
    /// Those of [`Family::trainer`].
    fn trainer(&self, schedule: &Schedule, domain: Domain) -> Result<Box<dyn Trainer>>;
    /// Its tables as TOML, in the order of its fields.
    ///
    /// # Errors
    /// When one has no form in TOML.
    fn to_toml(&self) -> Result<String>;
    /// A copy.
    fn boxed(&self) -> Box<dyn FamilySpec>;
    /// To ask for its type.
    fn as_any(&self) -> &dyn Any;
}

impl<F: Family> FamilySpec for F {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn makes_volumes(&self) -> bool {
        F::VOLUMES
    }

    fn check(&self, schedule: &Schedule) -> Result<()> {
        Family::check(self, schedule)
    }

    fn check_volumes(&self) -> Result<()> {
        Family::check_volumes(self)
    }

    fn needs_masks(&self) -> bool {
        Family::needs_masks(self)
    }

    fn truncates(&self) -> bool {
        Family::truncates(self)
    }

    fn encodes_styles(&self) -> bool {
        Family::encodes_styles(self)
    }

    fn against_bf16(&self) -> Option<&'static str> {
        Family::against_bf16(self)
    }

    fn generator(&self, domain: Domain) -> Result<Box<dyn Generator>> {
        Family::generator(self, domain)
    }

    fn trainer(&self, schedule: &Schedule, domain: Domain) -> Result<Box<dyn Trainer>> {
        Family::trainer(self, schedule, domain)
    }

    fn to_toml(&self) -> Result<String> {
        Ok(toml::to_string_pretty(self)?)
    }

    fn boxed(&self) -> Box<dyn FamilySpec> {
        Box::new(self.clone())
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Clone for Box<dyn FamilySpec> {
    fn clone(&self) -> Self {
        self.as_ref().boxed()
    }
}

/// Reads what stands under `path` (empty: at the top) of a spec.
///
/// # Errors
/// Names the setting, what was found and what was expected.
pub fn typed<T: DeserializeOwned>(path: &str, value: impl Into<toml::Value>) -> Result<T> {
    serde_path_to_error::deserialize(value.into()).map_err(
        |error: serde_path_to_error::Error<toml::de::Error>| {
            let message = nearest::with_hint(error.inner().message());
            let within = error.path().to_string();
            let at = match (path, within.as_str()) {
                ("", within) => within.to_owned(),
                (path, ".") => path.to_owned(),
                (path, within) => format!("{path}.{within}"),
            };
            anyhow!("setting {at}: {message}")
        },
    )
}
