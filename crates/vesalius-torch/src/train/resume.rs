//! Going on from a checkpoint: whether a run may, and loading it.

use crate::checkpoint::{self, State};
use crate::families::{self, Training};
use crate::spec::TrainSpec;
use anyhow::{Context as _, Result, anyhow, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use tch::Device;
use vesalius_data::files::digest;
use vesalius_data::pack::Pack;

/// The one setting that may change between attempts.
const LENGTH: &str = "training.kimg";
/// The setting that most others follow from: named first.
const FAMILY: &str = "networks.family";
/// Settings that a refusal names; more would hide them.
const NAMED: usize = 3;

/// Digest of a spec without its length: what must not change between attempts.
///
/// # Errors
/// Never, for a spec that was checked.
pub fn spec_digest(spec: &TrainSpec) -> Result<String> {
    let mut spec = spec.clone();
    spec.training.kimg = 1.0;
    Ok(digest::of_bytes(spec.to_toml()?.as_bytes()))
}

/// Refuses what a training could not go on from, before anything of the run is written: its newest whole checkpoint is
/// loaded once, into networks that are dropped. A run without checkpoints starts anew. Gives a line for each newer
/// checkpoint that is damaged, to be said.
///
/// # Errors
/// When the checkpoint is of another spec or pack, or all are damaged.
pub fn check_resumable(run: &Path, spec: &TrainSpec, pack: &Pack) -> Result<Vec<String>> {
    let found = checkpoint::newest_whole(run)?;
    let Some((folder, _)) = &found.whole else { return Ok(vec![]) };
    // First: networks of another pack's size may not even exist.
    of_this_pack(folder, pack)?;
    let mut gan = families::training(spec, pack.layout(), pack.classes(), Device::Cpu)
        .with_context(|| format!("{}", pack.path().display()))?;
    restore(folder, gan.as_mut(), spec, pack)?;
    Ok(found.warnings())
}

/// Loads a checkpoint into a GAN, if it is one of these settings and this pack.
///
/// # Errors
/// When it is of another spec or pack, or damaged.
pub(super) fn restore(
    folder: &Path,
    gan: &mut dyn Training,
    spec: &TrainSpec,
    pack: &Pack,
) -> Result<State> {
    let state = of_this_pack(folder, pack)?;
    let loaded = checkpoint::load(folder, gan);
    if state.spec_sha256 == spec_digest(spec)? {
        return loaded;
    }
    let refusal = format!(
        "{}: a checkpoint of other settings than task.toml ({}); expected those it was trained with, of which only \
         {LENGTH} may change: put them back, or start a new run",
        folder.display(),
        changes(&spec.to_toml()?, checkpoint::read_settings(folder).as_deref())
    );
    // Tensors that do not fit are named as well.
    Err(match loaded {
        Ok(_) => anyhow!(refusal),
        Err(error) => error.context(refusal),
    })
}

fn of_this_pack(folder: &Path, pack: &Pack) -> Result<State> {
    let state = checkpoint::read_state(folder)?;
    if state.pack_digest != pack.digest() {
        bail!("{}: trained on another pack than {}", folder.display(), pack.path().display());
    }
    Ok(state)
}

/// What is another setting in `now` (a `task.toml`) than a checkpoint was trained with; `None` where only the length is, or
/// an old checkpoint does not tell.
pub(crate) fn edited(now: &str, checkpoint: &Path) -> Result<Option<String>> {
    let Some(then) = checkpoint::read_settings(checkpoint) else { return Ok(None) };
    // As this version writes it: a setting that came later has its default.
    let then = TrainSpec::from_toml(&then)
        .and_then(|spec| spec.to_toml())
        .with_context(|| format!("{}", checkpoint.join("task.toml").display()))?;
    let of = |text: &str| {
        let mut found = settings(text).unwrap_or_default();
        found.remove(LENGTH);
        found
    };
    Ok((of(now) != of(&then)).then(|| changes(now, Some(&then))))
}

/// What is `now` another setting than `then`, in a few words.
fn changes(now: &str, then: Option<&str>) -> String {
    let unknown = || {
        "one was changed since, networks.growth or another: an older checkpoint does not tell which"
            .to_owned()
    };
    let Some((now, then)) = settings(now).zip(then.and_then(settings)) else { return unknown() };
    let paths: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
    let mut changed: Vec<String> = paths
        .into_iter()
        .filter(|path| path.as_str() != LENGTH && now.get(*path) != then.get(*path))
        .map(|path| format!("{path} = {}, trained with {}", shown(&now, path), shown(&then, path)))
        .collect();
    changed.sort_by_key(|change| !change.starts_with(FAMILY));
    match changed.len() {
        0 => unknown(), // its settings were edited, too
        count if count > NAMED => {
            format!("{}; and {} more", changed[..NAMED].join("; "), count - NAMED)
        }
        _ => changed.join("; "),
    }
}

/// The settings of a `task.toml` by their paths; `None` where it is no TOML.
fn settings(text: &str) -> Option<BTreeMap<String, String>> {
    fn gather(path: &str, value: &toml::Value, into: &mut BTreeMap<String, String>) {
        let toml::Value::Table(table) = value else {
            into.insert(path.to_owned(), value.to_string());
            return;
        };
        for (name, value) in table {
            let dot = if path.is_empty() { "" } else { "." };
            gather(&format!("{path}{dot}{name}"), value, into);
        }
    }
    let table: toml::Table = toml::from_str(text).ok()?;
    let mut found = BTreeMap::new();
    gather("", &toml::Value::Table(table), &mut found);
    Some(found)
}

fn shown(settings: &BTreeMap<String, String>, path: &str) -> String {
    settings.get(path).cloned().unwrap_or_else(|| "nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(preset: &str, settings: &[&str]) -> String {
        let settings: Vec<String> = settings.iter().map(|s| (*s).to_owned()).collect();
        TrainSpec::resolve(preset, &settings).unwrap().to_toml().unwrap()
    }

    #[test]
    fn settings_that_changed_are_named_and_the_length_is_not() {
        let then = task("stylegan", &[]);
        let grown = task("stylegan", &["networks.growth.start=16", "training.kimg=7"]);
        assert_eq!(changes(&grown, Some(&then)), "networks.growth.start = 16, trained with 8");
        let added = task("stylegan", &["augment.classical=true", "training.seed=2"]);
        assert_eq!(
            changes(&added, Some(&then)),
            "augment.classical = true, trained with false; training.seed = 2, trained with 1"
        );
        let other = changes(&task("dcgan", &[]), Some(&then));
        assert!(other.starts_with("networks.family = \"dcgan\", trained with"), "{other}");
        assert!(other.ends_with(" more") && !other.contains('\n'), "{other}");
        // What an older checkpoint cannot tell.
        assert!(changes(&grown, None).contains("networks.growth"), "{}", changes(&grown, None));
    }
}
