//! Which training, and how many images, stand behind a run: read from the command lines that results hold.

use super::evidence::Evidence;
use super::runs::Run;
use crate::run_dir::TrainedOn;
use crate::task::{Task, folder_name};
use std::path::Path;

/// Words of a command line as a shell splits it; single quotes only, as ours are written.
pub fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (vec![], String::new(), false, false);
    let mut letters = command.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' => (quoted, any) = (!quoted, true),
            '\\' if !quoted => word.extend(letters.next()),
            c if c.is_whitespace() && !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

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
    if let Some(folder) = run.result.inputs.iter().find_map(|input| sampled_from(&input.path)) {
        let is = |training: &&Run| training.path.file_name() == Some(folder.as_ref());
        return evidence.stage("train").find(is);
    }
    let sampled = run.result.inputs.iter().find_map(|input| {
        input.command.starts_with("vesalius sample").then(|| words(&input.command))
    });
    if let Some(sampled) = sampled {
        let clean = |path: &str| path.trim_end_matches('/').to_owned();
        let named = evidence.stage("train").find(|training| {
            let out = training.result.command.lines().next().and_then(|c| option(c, "--out"));
            out.is_some_and(|out| sampled.iter().skip(2).any(|word| clean(word) == clean(&out)))
        });
        if named.is_some() {
            return named;
        }
    }
    let gan = run.gan()?;
    let mut of_gan = evidence.stage("train").filter(|training| training.gan() == Some(gan));
    let only = of_gan.next()?;
    of_gan.next().is_none().then_some(only)
}

/// Name of the training's folder, of a pack in the folder of a study's sampling task:
/// `tasks/sample-KEY/attempts/N/pack`.
fn sampled_from(pack: &Path) -> Option<String> {
    let folder = pack.ancestors().nth(3)?;
    if !folder.file_name()?.to_str()?.starts_with("sample-") {
        return None;
    }
    let task = Task::read(folder).ok()?;
    let training = task.input("run")?;
    Some(folder_name(training.stage, &training.key))
}

/// How many synthetic images were sampled for a run, where the samplings' command lines say it.
pub fn sampled_count(run: &Run) -> Option<u64> {
    let commands = run.result.inputs.iter().map(|input| input.command.as_str());
    let counts: Option<Vec<u64>> = commands
        .filter(|command| command.starts_with("vesalius sample"))
        .map(|command| option(command, "--count")?.parse().ok())
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
