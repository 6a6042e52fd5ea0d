//! Presets, and settings that change them one by one.

use anyhow::{Result, bail};
use std::sync::OnceLock;
use vesalius_data::text::nearest;

/// The presets, as shipped.
pub const PRESETS: &str = include_str!("../../../../studies/presets.toml");

/// The same, read once: a study resolves thousands of trainings at every look.
fn presets() -> &'static toml::Table {
    static TABLE: OnceLock<toml::Table> = OnceLock::new();
    TABLE.get_or_init(|| toml::from_str(PRESETS).expect("presets.toml is checked by a test"))
}

/// Names of all presets.
pub fn preset_names() -> Vec<String> {
    presets().keys().cloned().collect()
}

/// The settings of a preset.
///
/// # Errors
/// When there is none of that name; the known ones are listed.
pub fn preset(name: &str) -> Result<toml::Table> {
    let Some(toml::Value::Table(mut table)) = presets().get(name).cloned() else {
        let names = preset_names();
        let hint = nearest::hint(name, names.iter().map(String::as_str));
        bail!("--preset {name}: no such preset; expected one of {}{hint}", names.join(", "));
    };
    table.insert("preset".to_owned(), name.into());
    Ok(table)
}

/// Paths of all settings of a table.
fn paths(table: &toml::Table, above: &str) -> Vec<String> {
    let below = |(name, value): (&String, &toml::Value)| {
        let path = if above.is_empty() { name.clone() } else { format!("{above}.{name}") };
        match value {
            toml::Value::Table(inner) => paths(inner, &path),
            _ => vec![path],
        }
    };
    table.iter().flat_map(below).collect()
}

/// Sets one setting, `path.to.field=value`.
///
/// # Errors
/// When it has no such form, or there are no settings under the path.
pub fn apply(table: &mut toml::Table, setting: &str) -> Result<()> {
    let Some((path, text)) = setting.split_once('=') else {
        bail!("--set {setting}: expected path.to.setting=value");
    };
    let (path, text) = (path.trim(), text.trim());
    let value = toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut parsed| parsed.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()));
    let mut parts: Vec<&str> = path.split('.').collect();
    let leaf = parts.pop().expect("split gives at least one part");
    let mut at = table;
    for part in parts {
        let keys: Vec<String> = at.keys().cloned().collect();
        let Some(toml::Value::Table(inner)) = at.get_mut(part) else {
            let hint = nearest::hint(part, keys.iter().map(String::as_str));
            bail!("--set {path}: there are no settings under `{part}`{hint}");
        };
        at = inner;
    }
    if !path.contains('.') && !at.contains_key(leaf) {
        // Who leaves out where a setting stands means one that stands somewhere.
        let paths = paths(at, "");
        let named = |path: &&String| path.rsplit('.').next() == Some(leaf);
        let meant: Vec<&str> = paths.iter().filter(named).map(String::as_str).collect();
        if !meant.is_empty() {
            bail!("--set {path}: no such setting; did you mean `{}`?", meant.join("` or `"));
        }
    }
    let value = match (at.get(leaf), value) {
        // `filters=32` and `kimg=5` mean the same type as the preset's value.
        (Some(toml::Value::Float(_)), toml::Value::Integer(n)) => toml::Value::Float(n as f64),
        (_, value) => value,
    };
    at.insert(leaf.to_owned(), value);
    Ok(())
}
