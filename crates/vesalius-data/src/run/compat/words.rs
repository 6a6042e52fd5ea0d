//! Command lines of `vesalius sample`, and the sampling tasks of studies.

use crate::files::read;
use crate::text::shell;
use serde::Deserialize;
use serde_json::Value;
use std::path::Path;

/// A sampling as its command line or task says it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sampled {
    /// The run that was sampled, of a command.
    pub run: Option<String>,
    /// Pairs, where the number is said.
    pub count: Option<u64>,
    /// Seed of the latents.
    pub seed: u64,
    /// Truncation ψ.
    pub truncation: f64,
    /// The masks that were painted, in the words of the command or task.
    pub masks: Option<String>,
}

/// Value of an option: `--out runs/a` or `--out=runs/a`.
pub fn option(command: &str, name: &str) -> Option<String> {
    let words = shell::words(command);
    let after = words.iter().position(|word| word == name).and_then(|i| words.get(i + 1));
    after.cloned().or_else(|| {
        words.iter().find_map(|word| Some(word.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    })
}

/// A folder's path without what does not change it.
pub fn cleaned(path: &str) -> &str {
    path.trim_end_matches('/')
}

/// What a `vesalius sample` did; none of other commands.
pub fn sampled(command: &str) -> Option<Sampled> {
    // The options of all versions that take no value.
    const FLAGS: [&str; 2] = ["--warp", "--allow-overlap"];
    let words = shell::words(command);
    if words.len() < 2 || words[0] != "vesalius" || words[1] != "sample" {
        return None;
    }
    let mut run = None;
    let mut rest = words[2..].iter();
    while let Some(word) = rest.next() {
        if !word.starts_with("--") {
            run = run.or_else(|| Some(word.clone()));
        } else if !word.contains('=') && !FLAGS.contains(&word.as_str()) {
            rest.next();
        }
    }
    let number = |name: &str| option(command, name);
    let warped = words.iter().any(|word| word == "--warp");
    let masks = option(command, "--masks")
        .map(|masks| format!("masks of {masks}{}", if warped { ", warped" } else { "" }));
    Some(Sampled {
        run,
        count: number("--count").and_then(|count| count.parse().ok()),
        seed: number("--seed").and_then(|seed| seed.parse().ok()).unwrap_or(1),
        truncation: number("--truncation").and_then(|psi| psi.parse().ok()).unwrap_or(1.0),
        masks,
    })
}

/// A sampling task of a study.
#[derive(Debug, Clone, PartialEq)]
pub struct StudySample {
    /// Name of the folder of the training that it sampled.
    pub training: String,
    /// How.
    pub sampled: Sampled,
}

/// As much of a task as is asked here.
#[derive(Deserialize)]
struct Task {
    spec: Value,
    inputs: Vec<TaskInput>,
}

#[derive(Deserialize)]
struct TaskInput {
    role: String,
    stage: String,
    key: String,
}

/// The task that sampled a pack of a path in its folder, `tasks/sample-KEY/attempts/N/pack`.
pub fn study_sample(pack: &Path) -> Option<StudySample> {
    let folder = pack.ancestors().nth(3)?;
    if !folder.file_name()?.to_str()?.starts_with("sample-") {
        return None;
    }
    let text = read::text(&folder.join("task.toml")).ok()?;
    let task: Task = toml::from_str(&text).ok()?;
    let of_role = |role: &str| task.inputs.iter().find(|input| input.role == role);
    let named = |input: &TaskInput| format!("{}-{:.16}", input.stage, input.key);
    let number = |name: &str| task.spec.get(name).and_then(Value::as_u64);
    let masks = match task.spec.get("masks").and_then(Value::as_str) {
        None | Some("none") => None,
        Some(words) => Some(match of_role("masks") {
            Some(input) => format!("{words} {}", named(input)),
            None => words.to_owned(),
        }),
    };
    Some(StudySample {
        training: named(of_role("run")?),
        sampled: Sampled {
            run: None,
            count: number("count"),
            seed: number("seed").unwrap_or(1),
            truncation: task.spec.get("truncation").and_then(Value::as_f64).unwrap_or(1.0),
            masks,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_read_as_a_shell_would() {
        let command = r"vesalius sample 'my runs/a'\''b' --count 10 --out=packs/x";
        let found = sampled(command).unwrap();
        assert_eq!(found.run.as_deref(), Some("my runs/a'b"));
        assert_eq!((found.count, found.seed, found.truncation), (Some(10), 1, 1.0));
        assert_eq!(option(command, "--out").as_deref(), Some("packs/x"));
        assert_eq!(option(command, "--seed"), None);
    }

    #[test]
    fn the_run_is_found_wherever_it_stands() {
        for (command, masks) in [
            ("vesalius sample runs/a --count 5 --out p", None),
            ("vesalius sample --count 5 --out p runs/a --batch 4", None),
            (
                "vesalius sample --warp --masks packs/m --count=5 runs/a",
                Some("masks of packs/m, warped"),
            ),
            (
                "vesalius sample --masks=packs/m --allow-overlap --count=5 runs/a",
                Some("masks of packs/m"),
            ),
        ] {
            let found = sampled(command).unwrap();
            assert_eq!((found.run.as_deref(), found.count), (Some("runs/a"), Some(5)), "{command}");
            assert_eq!(found.masks.as_deref(), masks, "{command}");
        }
        for other in ["vesalius samples a", "vesalius", "", "vesalius prepare sample", "sample a"] {
            assert_eq!(sampled(other), None, "{other}");
        }
    }

    #[test]
    fn the_task_of_a_study_says_what_it_sampled() {
        let study = tempfile::tempdir().unwrap();
        let folder = study.path().join("tasks/sample-0123456789abcdef");
        let pack = folder.join("attempts/1/pack");
        std::fs::create_dir_all(&pack).unwrap();
        assert_eq!(study_sample(&pack), None, "no task");
        let key = "ab".repeat(32);
        let task = format!(
            "format = 1\nstage = \"sample\"\npacks = []\n[spec]\ncount = 100\nmasks = \"sampled\"\nseed = 3\ntruncation = 0.5\n\
             [[inputs]]\nrole = \"run\"\nstage = \"train\"\nkey = \"{key}\"\n\
             [[inputs]]\nrole = \"masks\"\nstage = \"sample\"\nkey = \"{key}\"\n"
        );
        std::fs::write(folder.join("task.toml"), task).unwrap();
        let found = study_sample(&pack).unwrap();
        assert_eq!(found.training, "train-abababababababab");
        assert_eq!((found.sampled.count, found.sampled.seed), (Some(100), 3));
        assert_eq!(found.sampled.truncation, 0.5);
        assert_eq!(found.sampled.masks.as_deref(), Some("sampled sample-abababababababab"));
        assert_eq!(study_sample(Path::new("packs/wgan")), None);
    }
}
