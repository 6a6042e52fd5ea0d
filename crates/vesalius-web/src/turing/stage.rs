//! The stage that turns a test's answers into a run.

use super::score::{Reading, scores};
use super::store::{About, Turing};
use super::write;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vesalius_data::files::publish::write_file;
use vesalius_data::run::meter::Meter;
use vesalius_data::run::score::Score;
use vesalius_data::run::{RunResult, Subject, refuse_finished};
use vesalius_data::say;

/// The stage: whose answers, into which folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scoring {
    /// Folder of the test.
    pub test: PathBuf,
    /// Folder of the run, where one is wanted.
    pub out: Option<PathBuf>,
    /// Count answers of readers who have not submitted, too.
    pub unfinished: bool,
    /// Seed of the bootstrap.
    pub seed: u64,
}

/// Scores the answers; where a folder is named, publishes the run with `answers.csv` and the pictures that were most and
/// least convincing.
///
/// # Errors
/// When the test cannot be read, nobody has submitted, or the folder holds a finished run.
pub fn run(stage: &Scoring, meter: &Meter) -> Result<Vec<Score>> {
    if let Some(out) = &stage.out {
        refuse_finished(out)?;
    }
    let turing = Turing::open(&stage.test)?;
    for note in turing.notes() {
        say!("note: {note}");
    }
    let readings = readings(stage, &turing)?;
    let mut scores = scores(&readings, stage.seed);
    for score in &mut scores {
        let About { planes, remark, .. } = turing.about();
        if *planes > 1 {
            score.protocol =
                format!("{}; volumes of {planes} planes to scroll through", score.protocol);
        }
        score.protocol += remark;
    }
    if let Some(out) = &stage.out {
        publish((stage, out), (&turing, &readings), &scores, meter)?;
    }
    Ok(scores)
}

fn readings(stage: &Scoring, turing: &Turing) -> Result<Vec<Reading>> {
    let mut readings = vec![];
    for reader in turing.readers()? {
        if reader.submitted || (stage.unfinished && reader.answered > 0) {
            readings.push(Reading { judged: turing.judged(reader.id)?, reader: reader.name });
        } else {
            let how = if reader.answered > 0 { "--unfinished counts them" } else { "not begun" };
            say!(
                "note: {} has not submitted ({} of {} answers): left out; {how}",
                reader.name,
                reader.answered,
                reader.images
            );
        }
    }
    if readings.is_empty() {
        bail!(
            "{}: nobody has submitted a reading, expected at least one reader (or --unfinished)",
            stage.test.display()
        );
    }
    Ok(readings)
}

fn publish(
    (stage, out): (&Scoring, &Path),
    (turing, readings): (&Turing, &[Reading]),
    scores: &[Score],
    meter: &Meter,
) -> Result<()> {
    let about = turing.about();
    write_file(&out.join("answers.csv"), write::csv(readings).as_bytes())?;
    let mut shown = serde_json::Map::new();
    for (name, png, opinions) in write::pictures(turing, readings)? {
        write_file(&out.join(format!("{name}.png")), &png)?;
        let opinions = opinions.iter().map(|opinion| {
            serde_json::json!({
                "slice": opinion.slice, "rating": opinion.rating, "readers": opinion.readers,
                "called_synthetic": opinion.called_synthetic,
            })
        });
        shown.insert(name.replace('-', "_"), opinions.collect());
    }
    let settings = serde_json::json!({
        "readers": readings.iter().map(|reading| &reading.reader).collect::<Vec<_>>(),
        "answers": readings.iter().map(|reading| reading.judged.len()).collect::<Vec<_>>(),
        "unfinished": stage.unfinished, "seed": stage.seed, "drawn": about.seed, "overlay": about.overlay,
        "created": about.command, "shown": shown,
    });
    let subject =
        Subject { dataset: about.dataset.clone(), gan: about.gan.clone(), trained_on: None };
    let images = readings.iter().map(|reading| reading.judged.len() as u64).sum();
    let inputs = about.inputs.clone();
    let result = meter.result("turing", subject, scores.to_vec(), inputs, Some(images), settings);
    RunResult { overlap: Some(about.overlap.clone()), ..result }.publish(out)?;
    Ok(())
}
