//! The name that somebody may have meant.

use std::path::Path;

/// The known name that is nearest to `word`: another case, a letter more, less or other, two letters swapped. `None` where
/// none is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = word.to_lowercase();
    // A third of its letters; of two letters nothing can be guessed.
    let letters = word.chars().count();
    let most = if letters < 3 { 0 } else { (letters / 3).max(1) };
    known
        .into_iter()
        .filter(|name| *name != word)
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// "; did you mean `x`?" for the end of an error, or nothing.
pub fn hint<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(word, known).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}

/// The message of a reader of settings, which says unknown names and what it expected in backticks and in no other way,
/// with the hint that its lists ask for.
pub fn with_hint(message: &str) -> String {
    let message = message.trim().replace('\n', " ");
    let unknown = ["unknown field `", "unknown variant `"];
    let Some(start) = unknown.iter().find_map(|words| Some(message.find(words)? + words.len()))
    else {
        return message;
    };
    let mut quoted = message[start..].split('`').step_by(2);
    let word = quoted.next().unwrap_or_default();
    let known: Vec<&str> = message[start..].split('`').skip(2).step_by(2).collect();
    let hint = hint(word, known);
    format!("{message}{hint}")
}

/// The entry beside a path that is not there which somebody may have meant.
pub fn beside(path: &Path) -> String {
    let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else {
        return String::new();
    };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let Ok(entries) = std::fs::read_dir(folder) else { return String::new() };
    let names: Vec<String> =
        entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    match nearest(&name.to_string_lossy(), names.iter().map(String::as_str)) {
        Some(found) => format!("; did you mean {}?", path.with_file_name(found).display()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        let presets = ["dcgan", "lsgan", "wgan", "wgan-gp", "hinge", "stylegan", "stylegan2"];
        for (word, meant) in [
            ("dcgn", Some("dcgan")),
            ("dgcan", Some("dcgan")),
            ("DCGAN", Some("dcgan")),
            ("wgan_gp", Some("wgan-gp")),
            ("stylgan2", Some("stylegan2")),
            ("vae", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, presets), meant, "{word}");
        }
        assert_eq!(nearest("hinge", presets), None, "never the word itself");
    }

    #[test]
    fn messages_of_serde_get_the_name_that_their_list_has() {
        let text = "unknown field `stps`, expected one of `real`, `steps`, `set`";
        assert_eq!(with_hint(text), format!("{text}; did you mean `steps`?"));
        let text = "unknown variant `bacth`, expected `batch` or `none`";
        assert!(with_hint(text).ends_with("did you mean `batch`?"));
        for other in ["unknown field `q`, expected `a`", "invalid type: string \"a\", expected u64"]
        {
            assert_eq!(with_hint(other), other);
        }
    }

    #[test]
    fn a_path_that_is_not_there_is_compared_with_what_is() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("acdc")).unwrap();
        let wrong = folder.path().join("acdd");
        assert!(beside(&wrong).ends_with("acdc?"), "{}", beside(&wrong));
        assert_eq!(beside(&folder.path().join("liver")), "");
    }
}
