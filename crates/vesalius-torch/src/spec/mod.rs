//! The resolved description of a training: what `task.toml` holds and what every `--set` path points into.
//!
//! A generator is a preset: family × loss × regularisers × augmentation. `studies/presets.toml` holds the presets; none
//! of
//! them is a type. What a family has beside a name and a schedule is its own (`families/NAME/spec.rs`), and a setting
//! that
//! it lacks is an unknown field.

pub(crate) mod changes;
pub mod check;
pub mod compat;
pub mod family;
mod init_source;
pub(crate) mod presets;
pub(crate) mod schedule;

pub use init_source::InitSource;
pub use presets::{PRESETS, preset_names};
pub use schedule::Schedule;

use crate::families::domain::Domain;
use crate::families::generator::Generator;
use crate::families::registry;
use crate::families::trainer::Trainer;
use anyhow::{Context as _, Result, anyhow, bail};
use compat::Identity;
use family::{Family, FamilySpec, typed};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use vesalius_data::files::digest;
use vesalius_data::text::{nearest, strings};

/// Every setting of a training.
#[derive(Debug, Clone)]
pub struct TrainSpec {
    /// Name of the preset it came from: the row of Table 2.
    pub preset: String,
    /// What the schedules of all families have.
    pub training: Schedule,
    /// The family, with its settings.
    pub family: Box<dyn FamilySpec>,
    /// Weights it starts from; absent: random ones.
    pub init: Option<InitSource>,
}

impl TrainSpec {
    /// A preset with `settings` (`path.to.field=value`, value in TOML syntax or a bare word) applied in order.
    ///
    /// # Errors
    /// An unknown preset (the known ones are listed), a path that is not a setting, a value of the wrong type or range.
    pub fn resolve(preset: &str, settings: &[String]) -> Result<Self> {
        let mut table = presets::preset(preset)?;
        for setting in settings {
            presets::apply(&mut table, setting)?;
        }
        Self::read(table)
    }

    /// [`Self::resolve`] for the settings of a study file, which version 0.1 may have been given: a term that the
    /// family
    /// lacks may be there, if it is off.
    ///
    /// # Errors
    /// Those of [`Self::resolve`].
    pub fn resolve_saved(preset: &str, settings: &[String]) -> Result<Self> {
        let mut table = presets::preset(preset)?;
        for setting in settings {
            presets::apply(&mut table, setting)?;
        }
        compat::drop_foreign(&mut table)?;
        Self::read(table)
    }

    /// Reads a resolved spec, of this version or an older one.
    ///
    /// # Errors
    /// Unknown or missing fields, values out of range.
    pub fn from_toml(text: &str) -> Result<Self> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            let line = error
                .span()
                .map_or(1, |at| text[..at.start.min(text.len())].matches('\n').count() + 1);
            anyhow!("line {line}: {}", nearest::with_hint(error.message()))
        })?;
        Self::open(table)
    }

    /// Reads the tables of a resolved spec, of this version or an older one.
    fn open(mut table: toml::Table) -> Result<Self> {
        strings::check_toml("", &toml::Value::Table(table.clone()))?;
        compat::drop_foreign(&mut table)?;
        Self::read(table)
    }

    /// Reads a spec of this version.
    fn read(mut table: toml::Table) -> Result<Self> {
        let preset =
            take(&mut table, "preset")?.context("setting preset: missing, expected a name")?;
        let init = take(&mut table, "init")?;
        let name = table.get("networks").and_then(|networks| networks.get("family"));
        let name =
            name.context("setting networks.family: missing, expected the name of a family")?;
        let name = name.as_str().with_context(|| {
            format!("setting networks.family: found {name}, expected the name of a family")
        })?;
        let entry = registry::find(name)?;
        let training = schedule_of(&mut table, &entry)?;
        let spec = Self { preset, training, family: (entry.read)(table)?, init };
        spec.check()?;
        Ok(spec)
    }

    /// Refuses values that can only be mistakes.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        self.training.check()?;
        self.family.check(&self.training)
    }

    /// The resolved spec as `task.toml`.
    ///
    /// # Errors
    /// When a text in it could not be read again (a path with control characters).
    pub fn to_toml(&self) -> Result<String> {
        #[derive(Serialize)]
        struct Start<'a> {
            preset: &'a str,
        }
        #[derive(Serialize)]
        struct End<'a> {
            #[serde(skip_serializing_if = "Option::is_none")]
            init: &'a Option<InitSource>,
        }
        let start = toml::to_string_pretty(&Start { preset: &self.preset })?;
        let end = toml::to_string_pretty(&End { init: &self.init })?;
        let common = toml::to_string_pretty(&self.training)?;
        // The schedule's own fields stand in the family's table of that name, after those of all families.
        let (header, own) = ("[training]\n", self.family.to_toml()?);
        let family = match own.find(&format!("\n{header}")) {
            Some(at) => {
                let at = at + 1 + header.len();
                format!("{}{common}{}", &own[..at], &own[at..])
            }
            None => format!("{own}\n{header}{common}"),
        };
        let gap = if end.is_empty() { "" } else { "\n" };
        let text = format!("{start}\n{family}{gap}{end}");
        strings::check_toml("", &toml::from_str(&text)?)?;
        Ok(text)
    }

    /// What the training is known by, whatever the form of its `task.toml`: what a study's task holds, and what reports
    /// compare.
    ///
    /// # Errors
    /// As [`Self::to_toml`].
    pub fn identity(&self) -> Result<Identity> {
        Identity::of(toml::from_str(&self.to_toml()?)?)
    }

    /// Digest of all settings but the length: what must not change between attempts.
    ///
    /// # Errors
    /// As [`Self::to_toml`].
    pub fn digest(&self) -> Result<String> {
        let mut spec = self.clone();
        spec.training.kimg = 1.0;
        Ok(digest::of_bytes(toml::to_string_pretty(&spec.identity()?)?.as_bytes()))
    }

    /// The settings of a family; `None` where it is another.
    pub fn of<F: Family>(&self) -> Option<&F> {
        self.family.as_any().downcast_ref()
    }

    /// Whether the generator paints given masks instead of making its own.
    pub fn needs_masks(&self) -> bool {
        self.family.needs_masks()
    }

    /// Whether the generator's samples can be truncated.
    pub fn truncates(&self) -> bool {
        self.family.truncates()
    }

    /// Whether the generator's encoder can tell the styles of real images.
    pub fn encodes_styles(&self) -> bool {
        self.family.encodes_styles()
    }

    /// What trainings in bf16 have shown against it, in one sentence; none where nothing has.
    pub fn against_bf16(&self) -> Option<&'static str> {
        self.family.against_bf16()
    }

    /// A generator for sampling, initialised from LibTorch's current seed.
    ///
    /// # Errors
    /// When the family cannot make this size.
    pub fn generator(&self, domain: Domain) -> Result<Box<dyn Generator>> {
        self.makes(domain)?;
        self.family.generator(domain)
    }

    /// A generator at the start of its training, initialised from the spec's seed.
    ///
    /// # Errors
    /// When the family cannot make this size, or weights it needs (VGG19's) are missing or do not fit.
    pub fn trainer(&self, domain: Domain) -> Result<Box<dyn Trainer>> {
        self.makes(domain)?;
        self.family.trainer(&self.training, domain)
    }

    /// Refuses volumes, where the family or a setting has no form for them.
    fn makes(&self, domain: Domain) -> Result<()> {
        if !domain.shape.is_volume() {
            return Ok(());
        }
        if !self.family.makes_volumes() {
            bail!(
                "volumes of {}: networks.family {} makes slices, expected another one, or the volumes' planes: PACK/slices",
                domain.shape.size(),
                self.family.name()
            );
        }
        self.family.check_volumes()
    }
}

fn take<T: serde::de::DeserializeOwned>(table: &mut toml::Table, name: &str) -> Result<Option<T>> {
    table.remove(name).map(|value| typed(name, value)).transpose()
}

/// Takes the fields that all families have out of the table `training`; what is left there is the family's.
fn schedule_of(table: &mut toml::Table, entry: &registry::Entry) -> Result<Schedule> {
    let Some(toml::Value::Table(fields)) = table.get_mut("training") else {
        bail!("setting training: missing, expected the table of the schedule");
    };
    let (common, own): (toml::Table, toml::Table) = std::mem::take(fields)
        .into_iter()
        .partition(|(name, _)| Schedule::FIELDS.contains(&name.as_str()));
    if let Some((name, value)) =
        own.iter().find(|(name, _)| !entry.schedule.contains(&name.as_str()))
    {
        let known = [Schedule::FIELDS, entry.schedule].concat();
        let hint = nearest::hint(name, known.iter().copied());
        let known = known.join(", ");
        let value = value.to_string().replace('\n', " ");
        bail!(
            "setting training.{name}: unknown field `{name}` = {value}, expected one of those of {}: {known}{hint}",
            entry.name
        );
    }
    if entry.schedule.is_empty() {
        table.remove("training");
    } else {
        *fields = own;
    }
    typed("training", common)
}

impl PartialEq for TrainSpec {
    fn eq(&self, other: &Self) -> bool {
        self.to_toml().ok() == other.to_toml().ok()
    }
}

impl Serialize for TrainSpec {
    /// Its own form; see also [`TrainSpec::identity`].
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        use serde::ser::Error as _;
        let text = self.to_toml().map_err(|error| S::Error::custom(format!("{error:#}")))?;
        let table: toml::Table = toml::from_str(&text).map_err(S::Error::custom)?;
        table.serialize(to)
    }
}

impl<'de> Deserialize<'de> for TrainSpec {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        use serde::de::Error as _;
        let table = toml::Table::deserialize(from)?;
        Self::open(table).map_err(|error| D::Error::custom(format!("{error:#}")))
    }
}

#[cfg(test)]
mod tests;
