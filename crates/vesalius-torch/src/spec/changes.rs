//! What is another setting in one `task.toml` than in another.

use std::collections::{BTreeMap, BTreeSet};

/// The one setting that may change between attempts.
pub const LENGTH: &str = "training.kimg";
/// The setting that most others follow from: named first.
const FAMILY: &str = "networks.family";
/// Settings that a refusal names; more would hide them.
const NAMED: usize = 3;

/// What is another setting `now` than `then`, in a few words; `None` where only the length is.
pub fn edited(now: &str, then: &str) -> Option<String> {
    let of = |text: &str| {
        let mut found = settings(text).unwrap_or_default();
        found.remove(LENGTH);
        found
    };
    (of(now) != of(then)).then(|| changes(now, Some(then)))
}

/// What is `now` another setting than `then`, in a few words; `None`: what there was is not known.
pub fn changes(now: &str, then: Option<&str>) -> String {
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
    use crate::spec::TrainSpec;

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
