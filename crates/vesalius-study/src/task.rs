//! A task: what is to be done, with everything that decides its outcome. Its key is the SHA-256 of that, so the same
//! work has the same name in every study.

use anyhow::{Context as _, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::path::{Path, PathBuf};
use vesalius_data::files::digest;
use vesalius_data::pack::view::{self, View};
use vesalius_data::text::{escape, strings};

/// Version of `task.toml` and of what keys are made of.
pub const TASK_FORMAT: u32 = 1;

/// What a task does. A stage knows nothing of the spec of a training: that stays opaque here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Trains the network that measures distances on a pack, into the cache.
    Judge,
    /// Trains a generator.
    Train,
    /// Samples a pack from it.
    Sample,
    /// The pack of a generator that knows training pairs by heart: a control.
    Memory,
    /// Distance of that pack to the real one.
    Distance,
    /// Fidelity, diversity and copying.
    Metrics,
    /// A segmentation network on real, synthetic or both.
    Segment,
    /// An audit for copies of training images.
    Copying,
    /// Masks against anatomy, and against their images.
    Plausibility,
    /// Neighbouring planes of volumes.
    Coherence,
}

impl Stage {
    /// All of them, in the order in which a study needs them.
    pub const ALL: &[Self] = &[
        Self::Judge,
        Self::Train,
        Self::Sample,
        Self::Memory,
        Self::Distance,
        Self::Metrics,
        Self::Segment,
        Self::Copying,
        Self::Plausibility,
        Self::Coherence,
    ];

    /// Whether it looks at slices, and of volumes at their planes.
    pub fn sees_slices(self) -> bool {
        matches!(
            self,
            Self::Judge | Self::Distance | Self::Metrics | Self::Copying | Self::Plausibility
        )
    }

    /// As files and folders have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Judge => "judge",
            Self::Train => "train",
            Self::Sample => "sample",
            Self::Memory => "memory",
            Self::Distance => "distance",
            Self::Metrics => "metrics",
            Self::Segment => "segment",
            Self::Copying => "copying",
            Self::Plausibility => "plausibility",
            Self::Coherence => "coherence",
        }
    }
}

/// SHA-256 of a task, lower-case hexadecimal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// Characters of a key in folder names and on the command line: 64 bits.
const SHORT: usize = 16;

impl Key {
    /// What folder names and people use.
    pub fn short(&self) -> &str {
        &self.0[..SHORT.min(self.0.len())]
    }

    /// All 64 characters.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// A key becomes the name of a folder.
impl TryFrom<String> for Key {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if text.len() == 64 && text.bytes().all(digit) {
            return Ok(Self(text));
        }
        let shown: String = text.chars().take(80).collect();
        let shown = escape::terminal(&shown);
        Err(format!("key `{shown}`, expected 64 lower-case hexadecimal digits"))
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// A pack that goes in. Its path is no part of the key: a pack is what its digest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackInput {
    /// `real`, …
    pub role: String,
    /// Absolute path.
    pub path: PathBuf,
    /// [`vesalius_data::pack::Pack::digest`].
    pub digest: String,
}

impl PackInput {
    /// Its planes, where it is of volumes.
    #[must_use]
    pub fn planes(&self) -> Self {
        Self {
            role: self.role.clone(),
            path: view::name(&self.path, View::PLANES),
            digest: View::PLANES.digest(&self.digest),
        }
    }
}

/// A task whose outcome goes in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskInput {
    /// `run`, `masks`, `synthetic`, `continues`, `judge`.
    pub role: String,
    /// What it did.
    pub stage: Stage,
    /// Which one.
    pub key: Key,
}

/// The content of a task's `task.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// [`TASK_FORMAT`].
    pub format: u32,
    /// What to do.
    pub stage: Stage,
    /// Every setting, resolved.
    pub spec: Value,
    /// Packs that go in.
    pub packs: Vec<PackInput>,
    /// Tasks whose outcome goes in.
    pub inputs: Vec<TaskInput>,
}

impl Task {
    /// A task of this version.
    pub fn new(stage: Stage, packs: Vec<PackInput>, inputs: Vec<TaskInput>, spec: Value) -> Self {
        Self { format: TASK_FORMAT, stage, spec, packs, inputs }
    }

    /// Its name: SHA-256 of format, stage, digests of packs, keys of tasks, and spec with sorted fields.
    pub fn key(&self) -> Key {
        let packs: Vec<_> = self.packs.iter().map(|pack| (&pack.role, &pack.digest)).collect();
        let whole = serde_json::json!([self.format, self.stage, packs, self.inputs, self.spec]);
        let mut text = String::new();
        canonical(&whole, &mut text);
        Key(digest::of_bytes(text.as_bytes()))
    }

    /// The pack of a role.
    ///
    /// # Errors
    /// When there is none.
    pub fn pack(&self, role: &str) -> Result<&PackInput> {
        self.packs
            .iter()
            .find(|pack| pack.role == role)
            .with_context(|| format!("task.toml: no pack with role {role}, expected one"))
    }

    /// The task of a role, if there is one.
    pub fn input(&self, role: &str) -> Option<&TaskInput> {
        self.inputs.iter().find(|input| input.role == role)
    }

    /// Reads `FOLDER/task.toml` and compares its key with the folder's name.
    ///
    /// # Errors
    /// When it is missing, of another version, or was edited.
    pub fn read(folder: &Path) -> Result<Self> {
        let path = folder.join("task.toml");
        let text = vesalius_data::files::read::text(&path)
            .with_context(|| format!("{}: cannot be read; expected a task", path.display()))?;
        let task: Self = toml::from_str(&text).map_err(|error| {
            let message = error.message().replace('\n', " ");
            anyhow::anyhow!("{}: not a task of this version: {message}", path.display())
        })?;
        let whole: toml::Value = toml::from_str(&text)?;
        strings::check_toml("", &whole).with_context(|| format!("{}", path.display()))?;
        if task.format != TASK_FORMAT {
            bail!("{}: format {}, expected {TASK_FORMAT}", path.display(), task.format);
        }
        let expected = folder_name(task.stage, &task.key());
        if folder.file_name().is_none_or(|name| name.to_string_lossy() != expected) {
            bail!(
                "{}: its content is of {expected}, expected that of its folder: it was edited or moved",
                path.display()
            );
        }
        Ok(task)
    }

    /// As `task.toml`.
    ///
    /// # Errors
    /// When the spec holds a null, which TOML has no word for.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).context("task.toml")
    }
}

/// `train-0123456789abcdef`.
pub fn folder_name(stage: Stage, key: &Key) -> String {
    format!("{}-{key}", stage.name())
}

/// JSON with sorted fields and no spaces.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            text.push('{');
            for (i, name) in names.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                text.push_str(&Value::String(name.clone()).to_string());
                text.push(':');
                canonical(&fields[name], text);
            }
            text.push('}');
        }
        Value::Array(values) => {
            text.push('[');
            for (i, value) in values.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                canonical(value, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(path: &str, spec: &str) -> Task {
        let pack = PackInput { role: "real".into(), path: path.into(), digest: "d".repeat(64) };
        Task::new(Stage::Train, vec![pack], vec![], serde_json::from_str(spec).unwrap())
    }

    #[test]
    fn a_key_is_of_what_decides_the_outcome_and_of_nothing_else() {
        let one = task("/a", r#"{"kimg": 1.0, "batch": 2}"#).key();
        assert_eq!(one, task("/moved", r#"{"batch": 2, "kimg": 1.0}"#).key());
        assert_ne!(one, task("/a", r#"{"kimg": 1.5, "batch": 2}"#).key());
        // A saved name: folders and stores of this version have it.
        assert_eq!(one.short(), "68ee5b34013b05f5");
    }

    #[test]
    fn a_task_survives_its_file_and_an_edited_one_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let task = task("/a", r#"{"kimg": 1.0, "rate": 2e-4, "names": ["x"], "on": true}"#);
        let folder = root.path().join(folder_name(task.stage, &task.key()));
        std::fs::create_dir(&folder).unwrap();
        let text = task.to_toml().unwrap();
        std::fs::write(folder.join("task.toml"), &text).unwrap();
        assert_eq!(Task::read(&folder).unwrap(), task);
        std::fs::write(folder.join("task.toml"), text.replace("kimg = 1.0", "kimg = 2.0")).unwrap();
        let error = Task::read(&folder).unwrap_err().to_string();
        assert!(error.contains("edited"), "{error}");
    }
}
