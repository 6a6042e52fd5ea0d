//! `vesalius prepare`: a dataset into a pack.

use crate::environment::command_line;
use crate::progress::Progress;
use anyhow::{Context, Result, bail};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::checks::findings::{Finding, lines};
use vesalius_data::checks::sheet;
use vesalius_data::layouts::{self, SourceKind, SourceOptions};
use vesalius_data::pack::manifest::PixelType;
use vesalius_data::prepare::orient;
use vesalius_data::prepare::settings::{Crop, Deep, Preprocess, SliceChoice, Window};
use vesalius_data::prepare::split::{Division, SplitRule, Validation};
use vesalius_data::prepare::{Job, prepare};
use vesalius_data::say;
use vesalius_data::text::count;
use vesalius_torch::nets::pyramid::Pyramid;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vesalius prepare acdc ACDC/ --out packs/acdc --size 128x128 --crop centre:128x128
  vesalius prepare acdc ACDC/ --out packs/acdc --size 128x128 --spacing 1.5 --split official
  vesalius prepare acdc ACDC/ --out packs/hearts --volume 8x64x64 --spacing 10x2x2
  vesalius prepare sliver07 SLiver07/ --out packs/liver --size 128x128 --window=-150,250
  vesalius prepare folder Sunnybrook/ --out packs/lv --size 128x128 --patient '^(.*)-IM'
  vesalius prepare dicom PACS/ --out packs/liver --size 128x128 --classes background,liver,tumour --segments names.toml
  vesalius prepare table cases.csv --out packs/mine --size 128x128 --classes background,organ")]
pub struct Args {
    /// Form of the dataset.
    #[arg(value_name = "SOURCE", value_parser = layouts_by_name())]
    source: SourceKind,
    /// Folder of the dataset; its table with `table`.
    #[arg(value_name = "DIR")]
    root: PathBuf,
    /// Pack to write; must not exist yet.
    #[arg(long, value_name = "PACK")]
    out: PathBuf,
    /// Height x width of a slice in pixels; GANs need sides of b x 2^k, b from 4 to 7.
    #[arg(long, value_name = "HxW", value_parser = parse_size, required_unless_present = "volume", conflicts_with = "volume")]
    size: Option<[usize; 2]>,
    /// A volume of each case instead of its slices: planes x height x width. Slices are planes, cut or padded about the
    /// middle, unless --spacing says how far planes are apart.
    #[arg(long, value_name = "DxHxW", value_parser = parse_volume)]
    volume: Option<[usize; 3]>,
    /// Resample to this in-plane spacing in mm before cropping (needs a spacing in the files); with --volume also
    /// planes: ZxYxX.
    #[arg(long, value_name = "MM", value_parser = parse_spacing)]
    spacing: Option<Spacing>,
    /// Where columns, rows and slices of every volume shall lead, as LPS (to the patient's left, back and head); axes are
    /// swapped and reversed, nothing is interpolated [default: as each is stored, with a warning where they differ].
    #[arg(long, value_name = "ORIENTATION", value_parser = orient::parse)]
    orientation: Option<String>,
    /// What to keep of each image: `none` (all, padded to the aspect ratio; with --spacing: HxW at that spacing),
    /// `centre:HxW`, `foreground` or `foreground:MARGIN` (what is not black, over the volume), `labels:HxW` (about the
    /// labelled region: uses the masks of test patients too).
    #[arg(long, value_parser = parse_crop, default_value = "none")]
    crop: Crop,
    /// Intensities that become black and white: `LOW,HIGH` in the files' units (HU for CT), `pLOW,pHIGH` percentiles
    /// of the volume, or `full` for the range of the stored type [default: p0.5,p99.5 for MRI, -150,250 for CT,
    /// full for photographs].
    #[arg(long, value_parser = parse_window, allow_hyphen_values = true)]
    window: Option<Window>,
    /// Bits of a pixel in the pack.
    #[arg(long, value_enum, default_value = "u8")]
    depth: Depth,
    /// Channels that are kept, by their names in dataset.json, in this order: T1gd,FLAIR [default: all].
    #[arg(long, value_delimiter = ',', value_name = "NAME,…", conflicts_with = "channels")]
    modalities: Option<Vec<String>>,
    /// 1 or 3 image channels; colour becomes luma, grey is repeated [default: as the files have it].
    #[arg(long)]
    channels: Option<usize>,
    /// Which slices: all, or those with a label.
    #[arg(long, value_enum, default_value = "all")]
    slices: Choice,
    /// What tables call the dataset [default: its own name, or the layout's].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Split of the patients: by `seed`, or the dataset's `official` one.
    #[arg(long, value_enum, default_value = "seed")]
    split: SplitKind,
    /// Seed of the split.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of the patients that test.
    #[arg(long, default_value_t = 0.2)]
    test_share: f64,
    /// Patients that test, separated by commas, instead of a draw.
    #[arg(long, value_delimiter = ',', value_name = "PATIENT,…")]
    test_patients: Option<Vec<String>>,
    /// Folds, alike in the dataset's groups, instead of one split: every patient tests in one of them, and commands that
    /// train or judge take --fold.
    #[arg(long, value_name = "N", conflicts_with_all = ["test_patients", "test_share"])]
    folds: Option<usize>,
    /// Share of the patients who do not test that validate: they choose lengths and generators, and train nothing.
    #[arg(long, value_name = "SHARE")]
    validation_share: Option<f64>,
    /// Patients that validate, separated by commas, instead of a draw.
    #[arg(long, value_delimiter = ',', value_name = "PATIENT,…", conflicts_with_all = ["validation_share", "folds"])]
    validation_patients: Option<Vec<String>>,
    /// Names of the label values 0, 1, … separated by commas (dicom, folder, bids, table, nnunet without dataset.json).
    /// Segments of DICOM SEG, RTSTRUCT and .seg.nrrd become the class that they are called.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    classes: Option<Vec<String>>,
    /// TOML file of segments that are called otherwise than their class: lines `"GTV 1" = "tumour"`; "" for what is not
    /// wanted.
    #[arg(long, value_name = "FILE")]
    segments: Option<PathBuf>,
    /// Regular expression on file names whose first group is the patient (folder, nnunet).
    #[arg(long, value_name = "REGEX")]
    patient: Option<String>,
}

/// Distances in mm.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Spacing {
    /// Of planes.
    between: Option<f64>,
    /// Of rows and of columns.
    within: f64,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Depth {
    /// 8 bits.
    U8,
    /// 16 bits.
    U16,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Choice {
    /// All slices.
    All,
    /// Slices with at least one labelled pixel after cropping.
    Labelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum SplitKind {
    /// Drawn by --seed and --test-share.
    Seed,
    /// The dataset's own.
    Official,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let kind = args.source;
    let segments = args.segments.as_deref().map(layouts::segments_file).transpose()?;
    let options = SourceOptions {
        classes: args.classes.clone(),
        patient: args.patient.clone(),
        segments: segments.unwrap_or_default(),
    };
    let source = layouts::open(kind, &args.root, &options)?;
    let between_mm = args.spacing.and_then(|spacing| spacing.between);
    if let (Some(between), None) = (between_mm, args.volume) {
        bail!(
            "--spacing {between}x…: planes are resampled with --volume only, expected one number"
        );
    }
    let size = args.size.or(args.volume.map(|[_, height, width]| [height, width]));
    let size = size.context("expected --size or --volume")?;
    let settings = Preprocess {
        size,
        volume: args.volume.map(|[planes, ..]| Deep { planes, between_mm }),
        spacing_mm: args.spacing.map(|spacing| spacing.within),
        orientation: args.orientation.clone(),
        crop: args.crop,
        window: args.window.unwrap_or_else(|| kind.usual_window()),
        depth: match args.depth {
            Depth::U8 => PixelType::U8,
            Depth::U16 => PixelType::U16,
        },
        channels: args.channels,
        modalities: args.modalities.clone(),
        slices: match args.slices {
            Choice::All => SliceChoice::All,
            Choice::Labelled => SliceChoice::Labelled,
        },
    };
    let division = division(args)?;
    let early = if args.volume.is_none() { unfit_for_gans(size) } else { vec![] };
    let what = if args.volume.is_some() { "volume" } else { "slice" };
    let mut bar: Option<Progress> = None;
    let job = Job {
        source: source.as_ref(),
        source_name: kind.name(),
        dataset: args.name.clone(),
        root: kind.folder(&args.root),
        settings: &settings,
        division: &division,
        findings: early.clone(),
        command: command_line(),
    };
    let summary = prepare(job, &args.out, |done, of| {
        bar.get_or_insert_with(|| Progress::new("preparing", of as u64, "cases"))
            .set(done as u64, "");
    })?;
    if let Some(bar) = bar {
        bar.finish();
    }
    // What was known before is said already.
    let new: Vec<Finding> =
        summary.findings.iter().filter(|finding| !early.contains(finding)).cloned().collect();
    for line in lines(&new) {
        say!("{line}");
    }
    if let Some((case, share)) = summary.most_cut {
        say!("note: the crop cuts labelled pixels off; most from {case}, {:.1} %", 100.0 * share);
    }
    let out = args.out.display();
    let ([train, validate, test], [trains, validates, tests]) = (summary.slices, summary.patients);
    if summary.folds > 0 {
        say!(
            "{out}: {} of {} in {} folds",
            count::of(train, what),
            count::of(trains, "patient"),
            summary.folds
        );
    } else {
        let validation = match validate {
            0 => String::new(),
            _ => format!(", {validate} of {validates} to validate"),
        };
        say!(
            "{out}: {} of {} to train{validation}, {test} of {tests} to test",
            count::of(train, what),
            count::of(trains, "patient")
        );
    }
    say!("{}: look at it before anything is trained", args.out.join(sheet::PAGE).display());
    Ok(ExitCode::SUCCESS)
}

/// Who trains, who validates and who tests.
fn division(args: &Args) -> Result<Division> {
    let test = match (&args.test_patients, args.folds, args.split) {
        (Some(_), _, SplitKind::Official) => {
            bail!("--test-patients and --split official: expected one of them")
        }
        (Some(patients), _, SplitKind::Seed) => SplitRule::TestPatients(patients.clone()),
        (None, Some(_), SplitKind::Official) => {
            bail!("--folds and --split official: expected one of them")
        }
        (None, Some(count), SplitKind::Seed) => SplitRule::Folds { seed: args.seed, count },
        (None, None, SplitKind::Official) => SplitRule::Official,
        (None, None, SplitKind::Seed) => {
            SplitRule::Seeded { seed: args.seed, test_share: args.test_share }
        }
    };
    let seeded = |share: f64| Validation::Seeded { seed: args.seed, share };
    let named = args.validation_patients.clone().map(Validation::Patients);
    Ok(Division { test, validation: named.or(args.validation_share.map(seeded)) })
}

/// Said before anything is read: a pack that no GAN can be trained on is still one to train a U-Net on.
fn unfit_for_gans([height, width]: [usize; 2]) -> Vec<Finding> {
    match Pyramid::new(height as i64, width as i64) {
        Ok(_) => vec![],
        Err(error) => {
            let text = format!("no GAN but perhaps SPADE can be trained on it ({error})");
            let finding = Finding::warning(format!("--size {height}x{width}"), text);
            for line in lines(std::slice::from_ref(&finding)) {
                say!("{line}");
            }
            vec![finding]
        }
    }
}

/// The layouts that there are, with how their files lie.
fn layouts_by_name() -> impl TypedValueParser<Value = SourceKind> {
    let known = |kind: &SourceKind| PossibleValue::new(kind.name()).help(kind.help());
    PossibleValuesParser::new(SourceKind::ALL.iter().map(known))
        .try_map(|name| SourceKind::named(&name).ok_or("expected a layout"))
}

/// `128x96`: height, then width.
pub fn parse_size(text: &str) -> Result<[usize; 2]> {
    let parse = || {
        let (height, width) = text.split_once(['x', 'X'])?;
        Some([height.parse().ok()?, width.parse().ok()?])
    };
    parse().with_context(|| format!("expected HEIGHTxWIDTH in pixels, as in 128x128, not `{text}`"))
}

/// `8x64x64`: planes, height, width.
fn parse_volume(text: &str) -> Result<[usize; 3]> {
    let parse = || {
        let (planes, size) = text.split_once(['x', 'X'])?;
        let [height, width] = parse_size(size).ok()?;
        Some([planes.parse().ok()?, height, width])
    };
    parse().with_context(|| format!("expected PLANESxHEIGHTxWIDTH, as in 8x64x64, not `{text}`"))
}

/// `1.5`, or `10x1.5x1.5`: planes, rows, columns.
fn parse_spacing(text: &str) -> Result<Spacing> {
    let numbers: Vec<f64> = text
        .split(['x', 'X'])
        .map(str::parse)
        .collect::<Result<_, _>>()
        .with_context(|| format!("expected millimetres, as 1.5 or 10x1.5x1.5, not `{text}`"))?;
    match numbers[..] {
        [within] => Ok(Spacing { between: None, within }),
        [between, rows, columns] if rows == columns => {
            Ok(Spacing { between: Some(between), within: rows })
        }
        [_, rows, columns] => {
            bail!("rows of {rows} and columns of {columns} mm, expected the same of both")
        }
        _ => bail!("expected millimetres, as 1.5 or 10x1.5x1.5, not `{text}`"),
    }
}

fn parse_crop(text: &str) -> Result<Crop> {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    match (kind, rest) {
        ("none", "") => Ok(Crop::None {}),
        ("centre" | "center", size) => Ok(Crop::Centre { size: parse_size(size)? }),
        ("labels", size) => Ok(Crop::Labels { size: parse_size(size)? }),
        ("foreground", "") => Ok(Crop::Foreground { margin: 0 }),
        ("foreground", margin) => Ok(Crop::Foreground {
            margin: margin
                .parse()
                .with_context(|| format!("expected pixels after foreground:, not `{margin}`"))?,
        }),
        _ => bail!("expected none, centre:HxW, foreground, foreground:MARGIN or labels:HxW"),
    }
}

fn parse_window(text: &str) -> Result<Window> {
    const EXPECTED: &str =
        "expected LOW,HIGH or pLOW,pHIGH (low below high; percentiles from 0 to 100) or full";
    if text == "full" {
        return Ok(Window::Full {});
    }
    let (low, high) = text.split_once(',').context(EXPECTED)?;
    let percentile = low.starts_with('p') && high.starts_with('p');
    let number = |text: &str| -> Result<f64> {
        text.trim_start_matches(if percentile { "p" } else { "" }).parse().context(EXPECTED)
    };
    let [low, high] = [number(low)?, number(high)?];
    let in_range = !percentile || (low >= 0.0 && high <= 100.0);
    if !(low < high && in_range && low.is_finite() && high.is_finite()) {
        bail!("{EXPECTED}");
    }
    Ok(if percentile { Window::Percentile { low, high } } else { Window::Range { low, high } })
}
