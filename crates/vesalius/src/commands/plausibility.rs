//! `vesalius plausibility`: do synthetic masks look like anatomy, and do they belong to their images?

use crate::commands::judge;
use crate::commands::overlap::Overlap;
use crate::environment::{Compute, Stop, command_line};
use crate::meter;
use crate::progress::Progress;
use anyhow::{Context as _, Result, bail};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::checks::overlap::made_and_side;
use vesalius_data::files::publish::write_file;
use vesalius_data::output;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Provenance, Split};
use vesalius_data::run::part::{DiceUnit, Part};
use vesalius_data::run::score::{Missing, Score, Scores};
use vesalius_data::run::{Input, Subject, refuse_finished};
use vesalius_data::say;
use vesalius_data::show;
use vesalius_report::plausibility::anatomy::measure;
use vesalius_report::plausibility::check::Finding;
use vesalius_report::plausibility::learn::{examples, learn};
use vesalius_report::plausibility::rules::Rules;
use vesalius_report::plausibility::shares::{self, HeldOut};
use vesalius_report::plausibility::{filter, sheet};
use vesalius_torch::Device;
use vesalius_torch::features::Extractor as _;
use vesalius_torch::metrics::dice::{Evaluation, Unit};
use vesalius_torch::segment::evaluate_slices;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Two questions are asked of every synthetic pair.

Does the mask belong to the image? A U-Net trained on the real training patients (the extractor `unet`, kept in the
cache) outlines each synthetic image; pair_dice is its Dice with the synthetic mask, per slice and pooled, with an
interval over samples. The same on the real test patients stands beside it for scale.

Is the mask anatomy? Rules are learned from the masks of the real training patients: of each class the number of
components (through corners), of holes, the area, the circularity of the largest component, the shares of its border
that touch each other class, the background and the image's edge; and which classes stand together. A mask is
implausible if it breaks any rule. Ranges are widened so that about --false-alarms of real masks would be called
implausible; how many of the real test patients' masks are stands beside the synthetic share. Rules look at one mask at a
time: they do not tell whether all masks together are as varied as real ones.

RUN holds result.json, checks.csv (every pair: its Dice and the rules it breaks) and implausible.png (the pairs that break
most rules, worst first; plain and with outlines; no file where all are plausible).

--filtered writes a pack of the plausible pairs alone. What they are worth is a U-Net's Dice before and after:

  vesalius plausibility --real packs/acdc --synthetic packs/lsgan --out runs/plausibility-lsgan \\
      --filtered packs/lsgan-plausible
  vesalius segment --train packs/lsgan --test packs/acdc --out runs/unet-lsgan
  vesalius segment --train packs/lsgan-plausible --test packs/acdc --out runs/unet-lsgan-plausible")]
pub struct Args {
    /// Real pack: its training patients teach the rules and the U-Net, its test patients say how often both are wrong.
    #[arg(long, value_name = "PACK")]
    real: PathBuf,
    /// Synthetic pack.
    #[arg(long, value_name = "PACK")]
    synthetic: PathBuf,
    /// Folder of the run; must not exist yet.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Also write the synthetic pack without its implausible pairs.
    #[arg(long, value_name = "PACK")]
    filtered: Option<PathBuf>,
    /// Share of real masks that may be called implausible, by which ranges are widened.
    #[arg(long, default_value_t = 0.02, value_name = "SHARE")]
    false_alarms: f64,
    #[command(flatten)]
    overlap: Overlap,
    /// Print the scores as one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
}

/// Draws for an interval, and their seed.
const RESAMPLES: u64 = 1000;
const SEED: u64 = 1;

pub fn run(args: &Args) -> Result<ExitCode> {
    refuse_finished(&args.out)?;
    let (real, synthetic) = (Pack::open(&args.real)?, Pack::open(&args.synthetic)?);
    check(args, &real, &synthetic)?;
    let settled = args.overlap.settle(&made_and_side(&real, &synthetic, Split::Test))?;
    let meter = meter::start();
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let anatomy = Anatomies::of(args, &real, &synthetic)?;
    let agreement = Agreement::measure(&real, &synthetic, device, &stop);
    if let Some(code) = stop.before_writing() {
        return Ok(code);
    }
    let agreement = agreement?;
    let held_out = anatomy.held_out();
    let mut scores = agreement.scores(&synthetic)?;
    let shares = shares::scores(&anatomy.rules, &anatomy.synthetic, held_out, SEED);
    let pair_dice = scores[0].value;
    let summary = shares::summary(&shares, pair_dice, agreement.real_dice());
    scores.extend(shares);
    settled.note(&mut scores);
    let missing = missing(&real, &scores);
    let kept = args
        .filtered
        .as_ref()
        .map(|target| {
            filter::write(&synthetic, &anatomy.synthetic, &anatomy.rules, target, command_line())
        })
        .transpose()?;
    let csv = sheet::checks_csv(
        &synthetic,
        &anatomy.synthetic,
        &anatomy.rules.names(),
        &agreement.synthetic.of_slices(),
    );
    write_file(&args.out.join("checks.csv"), csv.as_bytes())?;
    let picture = sheet::picture(&synthetic, &anatomy.synthetic)?;
    if let Some((_, png)) = &picture {
        write_file(&args.out.join("implausible.png"), png)?;
    }
    let settings = json!({
        "summary": summary,
        "rules": anatomy.rules.to_json(),
        "by_rule": shares::by_rule(&anatomy.rules, &anatomy.synthetic, held_out),
        "pictured": picture.map_or(vec![], |(indices, _)| indices),
        "kept": kept,
        "seed": SEED,
    });
    let subject = Subject {
        dataset: real.manifest().dataset.clone(),
        gan: synthetic.manifest().provenance.row(),
        trained_on: None,
    };
    let inputs = vec![Input::pack("real", &real), Input::pack("synthetic", &synthetic)];
    let images = (real.len() + synthetic.len()) as u64;
    let result =
        meter.result("plausibility", subject, scores.clone(), inputs, Some(images), settings);
    settled.of(result).publish(&args.out)?;
    if !args.json {
        // A rule that nothing breaks is in result.json.
        scores.retain(|score| score.value > 0.0 || !is_of_a_rule(score));
    }
    Scores { scores, missing }.print(args.json)?;
    if !args.json {
        show!("");
        output::lines(&summary);
    }
    if let (Some(kept), Some(target)) = (kept, &args.filtered) {
        say!("{}: {kept} of {} pairs", target.display(), synthetic.len());
    }
    Ok(ExitCode::SUCCESS)
}

/// Refuses what could only give a number without meaning.
fn check(args: &Args, real: &Pack, synthetic: &Pack) -> Result<()> {
    if !(args.false_alarms > 0.0 && args.false_alarms < 0.5) {
        bail!("--false-alarms {}: expected a share between 0 and 0.5", args.false_alarms);
    }
    let [path, other] = [real.path().display(), synthetic.path().display()];
    if let Provenance::Synthetic { gan, .. } = &real.manifest().provenance {
        bail!("--real {path}: made by {gan}, expected real patients");
    }
    if real.manifest().classes != synthetic.manifest().classes {
        bail!(
            "{other}: classes {:?}, expected those of the real pack, {:?}",
            synthetic.manifest().classes,
            real.manifest().classes
        );
    }
    let [a, b] = [real.slice_shape(), synthetic.slice_shape()];
    if (a.height, a.width, a.channels) != (b.height, b.width, b.channels) {
        bail!(
            "{other}: {} channels of {}x{} pixels, expected those of the real pack, {} of {}x{}",
            b.channels,
            b.height,
            b.width,
            a.channels,
            a.height,
            a.width
        );
    }
    if let Some(target) = &args.filtered {
        filter::check(synthetic)?;
        if target.symlink_metadata().is_ok() && !filter::is_of(target, synthetic) {
            bail!("--filtered {}: already exists; expected a new path", target.display());
        }
    }
    Ok(())
}

/// The rules, and what they found on either side.
struct Anatomies<'a> {
    rules: Rules,
    synthetic: Vec<Finding>,
    real_patients: Vec<&'a str>,
    real: Vec<Finding>,
}

impl<'a> Anatomies<'a> {
    fn of(args: &Args, real: &'a Pack, synthetic: &Pack) -> Result<Self> {
        let patients = |indices: &[usize]| -> Vec<&'a str> {
            indices.iter().map(|&i| real.manifest().case(i).patient.as_str()).collect()
        };
        let train = real.indices(Split::Train);
        let masks = measure(real, &train)?;
        let learned = learn(
            &real.manifest().classes,
            &examples(&patients(&train), &masks),
            args.false_alarms,
        );
        let rules = learned.with_context(|| format!("{}", real.path().display()))?;
        let all: Vec<usize> = (0..synthetic.len()).collect();
        let found = measure(synthetic, &all)?;
        if found.iter().all(|mask| mask.present().is_empty()) {
            bail!(
                "{}: no mask has a labelled pixel, expected masks to check",
                synthetic.path().display()
            );
        }
        let test = real.indices(Split::Test);
        Ok(Self {
            synthetic: rules.check_all(&found),
            real_patients: patients(&test),
            real: rules.check_all(&measure(real, &test)?),
            rules,
        })
    }

    fn held_out(&self) -> Option<HeldOut<'_>> {
        (!self.real.is_empty())
            .then_some(HeldOut { patients: &self.real_patients, findings: &self.real })
    }
}

/// What the real-data U-Net outlines, against the masks.
struct Agreement {
    extractor: String,
    synthetic: Evaluation,
    /// Of the real test patients, where there are any.
    real: Option<Evaluation>,
}

impl Agreement {
    fn measure(real: &Pack, synthetic: &Pack, device: Device, stop: &Stop) -> Result<Self> {
        let unet = judge::unet(real, device, stop)?;
        let evaluate = |pack: &Pack, indices: &[usize], what: &str| {
            let mut bar = Progress::new(what, indices.len() as u64, "images");
            evaluate_slices(unet.segmenter(), pack, indices, device, &mut |done| {
                bar.set(done as u64, "");
            })
        };
        let test = real.indices(Split::Test);
        let all: Vec<usize> = (0..synthetic.len()).collect();
        Ok(Self {
            extractor: unet.name(),
            synthetic: evaluate(synthetic, &all, "outlining synthetic images")?,
            real: if test.is_empty() {
                None
            } else {
                Some(evaluate(real, &test, "outlining real test images")?)
            },
        })
    }

    /// Mean Dice of the real test slices.
    fn real_dice(&self) -> Option<f64> {
        self.real.as_ref().and_then(|real| real.per_slice().mean)
    }

    /// The per-slice mean first.
    fn scores(&self, synthetic: &Pack) -> Result<Vec<Score>> {
        const RULE: &str = "empty on both sides not counted, mean over units, then over classes";
        let count = synthetic.len();
        let mut scores = Vec::new();
        for (unit, called, words) in [
            (Unit::Slice, DiceUnit::Pair, "each pair a unit"),
            (Unit::Pooled, DiceUnit::Pooled, "all pairs together one unit"),
        ] {
            let summary = self.synthetic.per(unit);
            let (mean_interval, class_intervals) = self.synthetic.intervals(unit, SEED, RESAMPLES);
            let classes = synthetic.manifest().classes[1..].iter();
            let classes = classes.map(|class| Part::Class(called, class.clone()));
            let parts = std::iter::once(Part::Mean(called)).chain(classes);
            let values = std::iter::once(summary.mean).chain(summary.classes);
            let spans = std::iter::once(mean_interval).chain(class_intervals);
            for ((part, value), interval) in parts.zip(values).zip(spans) {
                let Some(value) = value else { continue };
                scores.push(Score {
                    of: Some(part),
                    interval,
                    extractor: Some(self.extractor.clone()),
                    synthetic_count: Some(count),
                    ..Score::new(
                        "pair_dice",
                        value,
                        format!(
                            "Dice of the real-data U-Net's outlines with the synthetic masks, {words}; {RULE}; interval: \
                             bootstrap over samples"
                        ),
                    )
                });
            }
        }
        if scores.is_empty() {
            bail!("{}: no pixel is labelled or outlined", synthetic.path().display());
        }
        if let (Some(real), Some(value)) = (&self.real, self.real_dice()) {
            scores.push(Score {
                of: Some(Part::RealTestMean),
                interval: real.intervals(Unit::Slice, SEED, RESAMPLES).0,
                extractor: Some(self.extractor.clone()),
                real_count: Some(real.slice_count()),
                ..Score::new(
                    "pair_dice",
                    value,
                    format!(
                        "Dice of the same U-Net with the masks of the real test patients, each slice a unit; {RULE}; interval: \
                         bootstrap over patients"
                    ),
                )
            });
        }
        Ok(scores)
    }
}

/// What a real pack without test patients cannot tell.
fn missing(real: &Pack, scores: &[Score]) -> Vec<Missing> {
    let has = |of: &Part| scores.iter().any(|score| score.of.as_ref() == Some(of));
    [("pair_dice", Part::RealTestMean), (shares::METRIC, Part::HeldOutReal)]
        .into_iter()
        .filter(|(_, of)| !has(of))
        .map(|(metric, of)| Missing {
            metric: format!("{metric} ({of})"),
            reason: format!("{}: no test patient with a labelled slice", real.path().display()),
        })
        .collect()
}

fn is_of_a_rule(score: &Score) -> bool {
    matches!(score.of, Some(Part::Rule(_)))
}
