//! `vesalius turing score`.

use crate::meter;
use anyhow::{Result, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::files::publish::write_file;
use vesalius_data::run::score::Scores;
use vesalius_data::run::{RunResult, Subject, refuse_finished};
use vesalius_data::say;
use vesalius_data::show;
use vesalius_report::paper::TURING_ACCURACY;
use vesalius_web::turing::score::{Reading, scores};
use vesalius_web::turing::store::Turing;
use vesalius_web::turing::write;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Of each reader and over readers: accuracy, sensitivity (share of synthetic images called synthetic), specificity (share of
real images called real), d′, AUC of the confidences, and seconds per image; Fleiss' κ of the images that all judged; each
with a 95 % interval (docs/method.md). An accuracy of 0.5 and a d′ of 0 mean that readers could not tell; the cardiologists
of the paper reached 0.60.

RUN gets result.json (`vesalius report` shows it), answers.csv (a line per answer), most-convincing.png and
least-convincing.png (the synthetic images that were most surely taken for real, and for synthetic).

Reads beside a running server. Readers who have not submitted are left out unless --unfinished.

Examples:
  vesalius turing score turing --out runs/turing-wgan-gp
  vesalius turing score turing --unfinished --json")]
pub struct Args {
    /// Folder that `vesalius turing create` made.
    #[arg(value_name = "DIR")]
    test: PathBuf,
    /// Run folder to write.
    #[arg(long, value_name = "RUN", required_unless_present = "json")]
    out: Option<PathBuf>,
    /// Count answers of readers who have not submitted, too.
    #[arg(long)]
    unfinished: bool,
    /// Seed of the bootstrap.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if let Some(out) = &args.out {
        refuse_finished(out)?;
    }
    let meter = meter::start();
    let turing = Turing::open(&args.test)?;
    for note in turing.notes() {
        say!("note: {note}");
    }
    let mut readings = vec![];
    for reader in turing.readers()? {
        if reader.submitted || (args.unfinished && reader.answered > 0) {
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
            args.test.display()
        );
    }
    let about = turing.about();
    let mut scores = scores(&readings, args.seed);
    for score in &mut scores {
        score.protocol += &about.remark;
    }
    if let Some(out) = &args.out {
        write_file(&out.join("answers.csv"), write::csv(&readings).as_bytes())?;
        let mut shown = serde_json::Map::new();
        for (name, png, opinions) in write::pictures(&turing, &readings)? {
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
            "unfinished": args.unfinished, "seed": args.seed, "drawn": about.seed, "overlay": about.overlay,
            "created": about.command, "shown": shown,
        });
        let subject =
            Subject { dataset: about.dataset.clone(), gan: about.gan.clone(), trained_on: None };
        let images = readings.iter().map(|reading| reading.judged.len() as u64).sum();
        let inputs = about.inputs.clone();
        let result =
            meter.result("turing", subject, scores.clone(), inputs, Some(images), settings);
        RunResult { overlap: Some(about.overlap.clone()), ..result }.publish(out)?;
    }
    Scores { scores, missing: vec![] }.print(args.json)?;
    if !args.json {
        show!("turing_accuracy of the paper's cardiologists {TURING_ACCURACY:.4}");
    }
    Ok(ExitCode::SUCCESS)
}
