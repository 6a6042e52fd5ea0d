//! `vesalius study status`.

use super::estimate::Measured;
use super::open::Open;
use anyhow::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::output;
use vesalius_data::show;
use vesalius_study::plan::{Plan, Progress};
use vesalius_study::store::GivenUp;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Reads beside a running coordinator and writes nothing.

Example:
  vesalius study status studies/smoke.toml --json")]
pub struct Args {
    /// Study file.
    #[arg(value_name = "STUDY.toml")]
    study: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct Status {
    study: String,
    /// By state.
    counts: BTreeMap<&'static str, usize>,
    best: Vec<Best>,
    /// On one job; absent where some stage has no finished task to go by.
    #[serde(skip_serializing_if = "Option::is_none")]
    secs_left: Option<f64>,
    failures: Vec<Failed>,
}

#[derive(Debug, Serialize)]
struct Best {
    dataset: String,
    gan: String,
    frechet_distance: f64,
    /// The search of this GAN on this dataset is over.
    last_word: bool,
    task: String,
    settings: String,
}

#[derive(Debug, Serialize)]
struct Failed {
    task: String,
    stage: &'static str,
    what: String,
    reason: String,
    output: Vec<String>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let open = Open::read(&args.study, false)?;
    let (plan, known) = (&open.plan, &open.known);
    let mut counts: BTreeMap<&'static str, usize> =
        ["finished", "diverged", "failed", "cancelled", "blocked", "to_do", "later", "withheld"]
            .map(|state| (state, 0))
            .into();
    let mut count = |state, n| *counts.entry(state).or_default() += n;
    let blocked = plan.blocked(known);
    let mut failures = Vec::new();
    for planned in &plan.tasks {
        let given_up = match &open.store {
            Some(store) if known.given_up.contains(&planned.key) => store.given_up(&planned.key)?,
            _ => None,
        };
        match (known.finished.get(&planned.key), given_up) {
            (Some(finished), _) if finished.diverged.is_some() => count("diverged", 1),
            (Some(_), _) => count("finished", 1),
            (_, Some(GivenUp::Cancelled)) => count("cancelled", 1),
            (_, Some(GivenUp::Failed(failure))) => {
                count("failed", 1);
                failures.push(Failed {
                    task: planned.key.short().to_owned(),
                    stage: planned.task.stage.name(),
                    what: format!(
                        "{} {} {}",
                        planned.dataset,
                        planned.gan.as_deref().unwrap_or("-"),
                        planned.what
                    ),
                    reason: failure.reason,
                    output: failure.output,
                });
            }
            _ if blocked.contains(&planned.key) => count("blocked", 1),
            _ => count("to_do", 1),
        }
    }
    count("later", plan.later.values().sum());
    count("withheld", plan.withheld);
    let best = plan.best.iter().map(|best| Best {
        dataset: best.dataset.clone(),
        gan: best.gan.clone(),
        frechet_distance: best.distance,
        last_word: best.last_word,
        task: best.key.short().to_owned(),
        settings: best.what.clone(),
    });
    let status = Status {
        study: open.study.name.clone(),
        best: best.collect(),
        secs_left: secs_left(plan, known),
        counts,
        failures,
    };
    if args.json {
        output::json(&status)?;
    } else {
        print(&status);
    }
    Ok(ExitCode::SUCCESS)
}

fn print(status: &Status) {
    let counts: Vec<String> = status
        .counts
        .iter()
        .filter(|(_, count)| **count > 0)
        .map(|(state, count)| format!("{count} {}", state.replace('_', " ")))
        .collect();
    show!("{}: {}", status.study, counts.join(", "));
    if let Some(secs) = status.secs_left {
        show!("time left on one job: {}", duration(secs));
    }
    for best in &status.best {
        let so_far = if best.last_word { "" } else { " so far" };
        show!(
            "best{so_far}: {} {} Fréchet distance {:.4} ({}) {}",
            best.dataset,
            best.gan,
            best.frechet_distance,
            best.task,
            best.settings
        );
    }
    for failure in &status.failures {
        show!("failed: {} {} {}: {}", failure.task, failure.stage, failure.what, failure.reason);
        for line in &failure.output {
            show!("    {line}");
        }
    }
}

/// Seconds of all that is left, one after the other; see [`Measured::left`].
pub fn secs_left(plan: &Plan, known: &Progress) -> Option<f64> {
    let mut spent = Measured::default();
    for planned in &plan.tasks {
        if let Some(finished) = known.finished.get(&planned.key) {
            spent.add(planned.task.stage, planned.gan.as_deref(), finished.wall_secs);
        }
    }
    spent.left(plan, known)
}

/// `3.2 h`.
pub fn duration(secs: f64) -> String {
    if secs < 120.0 {
        format!("{secs:.0} s")
    } else if secs < 7200.0 {
        format!("{:.0} min", secs / 60.0)
    } else if secs < 48.0 * 3600.0 {
        format!("{:.1} h", secs / 3600.0)
    } else {
        format!("{:.1} days", secs / 86400.0)
    }
}
