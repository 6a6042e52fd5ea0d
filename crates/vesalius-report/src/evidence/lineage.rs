//! Which training, and how many images, stand behind a run: read from the command lines that results hold.

use super::runs::Run;
use crate::evidence::Evidence;
use std::path::Path;
use vesalius_data::run::TrainedOn;
pub use vesalius_data::text::shell::words;
use vesalius_study::task::{Task, folder_name};

/// Value of an option: `--out runs/a` or `--out=runs/a`.
pub fn option(command: &str, name: &str) -> Option<String> {
    let words = words(command);
    let after = words.iter().position(|word| word == name).and_then(|i| words.get(i + 1));
    after.cloned().or_else(|| {
        words.iter().find_map(|word| Some(word.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
    })
}

/// The training that made the synthetic images of a run: the one that the sampling task of a study names, the one whose
/// `--out` the sampling command names, or the GAN's only one. None where that cannot be told.
pub fn training<'a>(evidence: &Evidence<'a>, run: &Run) -> Option<&'a Run> {
    let sampled = run.result.inputs.iter().find_map(|input| sampling_task(&input.path));
    if let Some((_, folder)) = sampled {
        let is = |training: &&Run| training.path.file_name() == Some(folder.as_ref());
        return evidence.stage("train").find(is);
    }
    let is_sampled = |command: &&str| command.starts_with("vesalius sample");
    let mut commands = run.result.inputs.iter().map(|input| input.command.as_str());
    if let Some(command) = commands.find(is_sampled)
        && let Some(named) = trainings_named(evidence, command).0.first()
    {
        return Some(named);
    }
    let gan = run.gan()?;
    let mut of_gan = evidence.stage("train").filter(|training| training.gan() == Some(gan));
    let only = of_gan.next()?;
    of_gan.next().is_none().then_some(only)
}

/// The trainings whose `--out` a sampling command names, and the word that does.
pub fn trainings_named<'a>(evidence: &Evidence<'a>, command: &str) -> (Vec<&'a Run>, String) {
    let clean = |path: &str| path.trim_end_matches('/').to_owned();
    let sampled: Vec<String> = words(command).into_iter().skip(2).collect();
    let mut found = (vec![], String::new());
    for training in evidence.stage("train") {
        let out = training.result.command.lines().next().and_then(|c| option(c, "--out"));
        let word = out.and_then(|out| sampled.iter().find(|word| clean(word) == clean(&out)));
        if let Some(word) = word {
            found.0.push(training);
            found.1.clone_from(word);
        }
    }
    found
}

/// The task of a study that sampled a pack, of a path in its folder, `tasks/sample-KEY/attempts/N/pack`; and the name of
/// the folder of the training that it sampled.
pub fn sampling_task(pack: &Path) -> Option<(Task, String)> {
    let folder = pack.ancestors().nth(3)?;
    if !folder.file_name()?.to_str()?.starts_with("sample-") {
        return None;
    }
    let task = Task::read(folder).ok()?;
    let training = task.input("run")?;
    let name = folder_name(training.stage, &training.key);
    Some((task, name))
}

/// How many synthetic images were sampled for a run, where the samplings say it.
pub fn sampled_count(run: &Run) -> Option<u64> {
    let is_sampled = |command: &str| command.starts_with("vesalius sample");
    let counts: Option<Vec<u64>> = run
        .result
        .inputs
        .iter()
        .filter_map(|input| match sampling_task(&input.path) {
            Some((task, _)) => Some(task.spec.get("count").and_then(serde_json::Value::as_u64)),
            None if is_sampled(&input.command) => {
                Some(option(&input.command, "--count").and_then(|count| count.parse().ok()))
            }
            None => None,
        })
        .collect();
    counts.filter(|counts| !counts.is_empty()).map(|counts| counts.iter().sum())
}

/// The same, or else what any score of the same images says.
pub fn synthetic_count(evidence: &Evidence, run: &Run) -> Option<u64> {
    let of_scores = |run: &Run| {
        run.result.scores.iter().find_map(|s| s.synthetic_count).map(|count| count as u64)
    };
    sampled_count(run).or_else(|| of_scores(run)).or_else(|| {
        let digest = synthetic_digest(run)?;
        let same = |other: &&&Run| synthetic_digest(other) == Some(digest);
        evidence.runs.iter().filter(same).find_map(|other| of_scores(other))
    })
}

/// The digest of the synthetic images a run is about: equal digests are the same images. None where it is about several
/// sets of them.
pub fn synthetic_digest(run: &Run) -> Option<&str> {
    let alone = run.result.subject.trained_on == Some(TrainedOn::Synthetic);
    let mut found = run.result.inputs.iter().filter(|input| {
        let prepared = input.command.starts_with("vesalius prepare");
        input.role == "synthetic" || (input.role == "train" && (alone || !prepared))
    });
    let first = found.next()?;
    found.next().is_none().then_some(first.sha256.as_str())
}

/// Presets behind a row: `spade, masks of lsgan` needs both.
pub fn presets(gan: &str) -> Vec<&str> {
    let mut found = vec![];
    for part in gan.split(" + ") {
        let mut pieces = part.split(", ");
        found.extend(pieces.next());
        found.extend(pieces.filter_map(|piece| piece.strip_prefix("masks of ")));
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_read_as_a_shell_would() {
        let command = r"vesalius sample 'my runs/a'\''b' --count 10 --out=packs/x";
        assert_eq!(words(command)[2], "my runs/a'b");
        assert_eq!(option(command, "--count").as_deref(), Some("10"));
        assert_eq!(option(command, "--out").as_deref(), Some("packs/x"));
        assert_eq!(option(command, "--seed"), None);
    }

    #[test]
    fn a_row_names_every_preset_behind_it() {
        assert_eq!(presets("spade, masks of lsgan"), ["lsgan", "spade"]);
        assert_eq!(presets("wgan + lsgan, plausible only"), ["lsgan", "wgan"]);
        assert_eq!(presets("wgan-gp"), ["wgan-gp"]);
    }
}
