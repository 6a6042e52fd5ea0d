//! The settings of a run as a flat list: what is compared between runs.

use serde_json::Value;
use std::collections::BTreeMap;

/// Settings that say nothing of the method: names, files, keys of randomness, what is only written or measured.
const LEFT_OUT: [&str; 9] = [
    "preset",
    "init.path",
    "init.sha256",
    "regularise.vgg_weights",
    "training.seed",
    "training.checkpoint_every_kimg",
    "training.distance_every_kimg",
    "training.distance_images",
    "networks.family",
];

/// A training's settings by path: `networks.generator.filters` → `64`.
pub fn flatten(settings: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    walk(settings, String::new(), &mut found);
    found.retain(|path, _| !LEFT_OUT.contains(&path.as_str()));
    found
}

fn walk(value: &Value, path: String, found: &mut BTreeMap<String, String>) {
    let text = match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                walk(value, path, found);
            }
            return;
        }
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(" + "),
        other => plain(other),
    };
    if !path.is_empty() {
        found.insert(path, text);
    }
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "on".to_owned(),
        Value::Bool(false) => "off".to_owned(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_settings_become_paths_and_only_those_that_vary_are_shown() {
        let flat = flatten(&json!({
            "preset": "lsgan",
            "networks": {"generator": {"filters": 64, "spectral_norm": true}},
            "augment": {"diff_augment": ["color", "cutout"], "classical": false, "ada": null},
            "training": {"seed": 3}
        }));
        let expected = [
            ("augment.ada", "none"),
            ("augment.classical", "off"),
            ("augment.diff_augment", "color + cutout"),
            ("networks.generator.filters", "64"),
            ("networks.generator.spectral_norm", "on"),
        ];
        let expected = expected.map(|(path, value)| (path.to_owned(), value.to_owned()));
        assert_eq!(flat.into_iter().collect::<Vec<_>>(), expected);
    }
}
