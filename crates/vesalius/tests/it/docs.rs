//! What the documents say of the tree is so.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Documents with prose.
fn documents() -> Vec<PathBuf> {
    let mut folders = vec![root(), root().join("docs"), root().join("bench")];
    folders.extend(["results", "decisions"].map(|name| root().join("docs").join(name)));
    let mut found = vec![];
    for folder in folders {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    assert!(found.len() > 20);
    found
}

/// What a document puts between backticks or behind a link, if it is a path of the tree.
fn paths(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let endings = [".rs", ".md", ".sh", ".py", ".toml", ".cff", "/"];
    let is_path = |word: &&str| {
        !word.contains(char::is_whitespace)
            && !word.contains(['*', '<', '$', '=', '{', ':'])
            && !["NAME", "RUN/", "PACK", "OUT/", "DIR"]
                .iter()
                .any(|placeholder| word.contains(placeholder))
            && endings.iter().any(|ending| word.ends_with(ending))
    };
    let word = |word: &str| word.split('#').next().unwrap_or_default().to_owned();
    quoted.chain(linked).filter(is_path).map(word).filter(|word| !word.is_empty()).collect()
}

/// Whether a path exists: from the root, or inside of a crate, of its sources or of its tests. `section` is the crate
/// that the document's section is about. What git ignores counts as there: a tool makes it where it is not yet.
fn exists(path: &str, section: Option<&str>) -> bool {
    let crates = root().join("crates");
    let all: Vec<PathBuf> =
        std::fs::read_dir(&crates).unwrap().map(|entry| entry.unwrap().path()).collect();
    let of = |folder: &Path| {
        let src = folder.join("src");
        let tests = folder.join("tests");
        [folder.to_owned(), src.clone(), tests, src.join("commands")]
            .into_iter()
            .any(|base| base.join(path).exists())
    };
    ignored(path)
        || root().join(path).exists()
        || crates.join(path).exists()
        || root().join("docs").join(path).exists()
        || match section {
            Some(name) => inside(&crates.join(name).join("src"), path) || of(&crates.join(name)),
            None => all.iter().any(|folder| of(folder)),
        }
}

/// Whether a line of `.gitignore` names it.
fn ignored(path: &str) -> bool {
    read(".gitignore").lines().any(|line| line.trim_matches('/') == path.trim_matches('/'))
}

/// Whether a file of this name lies somewhere below: a room's files are named by their room's line.
fn inside(folder: &Path, path: &str) -> bool {
    if folder.join(path).exists() {
        return true;
    }
    let Ok(entries) = std::fs::read_dir(folder) else { return false };
    entries.flatten().any(|entry| entry.path().is_dir() && inside(&entry.path(), path))
}

#[test]
fn every_path_named_in_the_documents_of_the_root_exists() {
    let mut missing = vec![];
    let mut count = 0;
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"] {
        let text = read(name);
        let mut fence = false;
        let mut section = None;
        for line in text.lines() {
            fence ^= line.trim_start().starts_with("```");
            if let Some(heading) = line.strip_prefix("### vesalius") {
                section = Some(format!("vesalius{heading}"));
            } else if line.starts_with("## ") {
                section = None;
            }
            if fence {
                continue;
            }
            for path in paths(line) {
                count += 1;
                if !path.starts_with("http") && !exists(&path, section.as_deref()) {
                    missing.push(format!("{name}: {path}"));
                }
            }
        }
    }
    assert!(count > 100, "{count} paths");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap_or_default();
            if file.is_empty() || file.starts_with("http") || file.contains(char::is_whitespace) {
                continue;
            }
            let file = path.parent().unwrap().join(file);
            assert!(file.exists(), "{}: {target}", path.display());
        }
    }
}

#[test]
fn no_line_of_prose_is_longer_than_120_characters() {
    for path in documents() {
        let text = std::fs::read_to_string(&path).unwrap();
        for (number, line) in text.lines().enumerate() {
            let wide = line.trim_start().starts_with(['|', '!']);
            let long = line.chars().count() > 120 && !wide;
            assert!(!long, "{}:{}: {line}", path.display(), number + 1);
        }
    }
}

/// Python is what `.ci/run` and `make test` need anyway: without it this fails and does not skip.
#[test]
fn tables_of_results_are_those_of_their_data() {
    let check = std::process::Command::new("python3")
        .arg(root().join("scripts/results_tables.py"))
        .arg("--check")
        .output()
        .expect("python3, which the scripts of this repository need");
    let said = [check.stdout, check.stderr].concat();
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&said));
}
