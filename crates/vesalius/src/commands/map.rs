//! `vesalius map`: real and generated samples laid out on one plane (the study's Fig. 6).

use crate::commands::judge::{self, EXTRACTORS, Judge, JudgeArgs, Side, UNKNOWN};
use crate::commands::metrics::of_file;
use crate::commands::overlap::{Overlap, Settled, Use, compared};
use crate::environment::{Compute, Stop};
use crate::meter;
use anyhow::{Context, Result, bail};
use rand::SeedableRng as _;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vesalius_data::files::publish::write_file;
use vesalius_data::files::read;
use vesalius_data::pack::manifest::Split;
use vesalius_data::run::score::{Score, Scores};
use vesalius_data::run::{Input, Subject};
use vesalius_data::say;
use vesalius_data::show;
use vesalius_report::map::sprite::{self, Thumbnail};
use vesalius_report::map::{Kind, MAP_FORMAT, Map, Point, Set, figure, page};
use vesalius_report::paper::display_name;
use vesalius_statistics::umap::neighbours::Candidates;
use vesalius_statistics::umap::{Points, Settings, epochs, umap};
use vesalius_torch::features::images::PackImages;
use vesalius_torch::metrics::bounds::candidates;
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::trustworthiness::trustworthiness;
use vesalius_torch::metrics::unit::in_f32;
use vesalius_torch::{Device, Kind as TensorKind, Tensor};

#[derive(Debug, clap::Args)]
#[command(after_help = format!("{EXTRACTORS}

Lays the real training slices and the samples of each GAN out on one plane, so that what a network sees as alike lies
together (UMAP, McInnes et al. 2018). One layout for all: a GAN whose samples miss a crowd of real ones does not know
that kind of slice; samples far from all real ones are of a kind that does not exist. Distances across gaps, and how
dense a crowd is, mean nothing. The same input and seed give the same map, bit for bit, whatever --threads.

Writes into RUN:
  map.svg      one panel per GAN on common axes, to print
  map.html     the same to walk through: pointing at a sample shows its image and the outlines of its mask
  map.json     every point with what it is
  result.json  trustworthiness (k = 15), for `vesalius report`; needs packs, whose manifests say what was mapped
Feature files (.npy, .safetensors) can be mapped too, without pictures and without result.json.

Examples:
  vesalius map --real packs/acdc --synthetic packs/spade --synthetic packs/dcgan --out runs/map
  vesalius map --real packs/acdc --synthetic packs/spade --extractor inception --out runs/map-inception
  vesalius map --real real.npy --synthetic fake.npy --count 10000 --out map"))]
pub struct Args {
    /// Real pack, or features as .npy or .safetensors [N, D].
    #[arg(long, value_name = "F")]
    real: PathBuf,
    /// Synthetic pack, or features; once for each GAN.
    #[arg(long, value_name = "F", required = true)]
    synthetic: Vec<PathBuf>,
    #[command(flatten)]
    judge: JudgeArgs,
    /// New folder for the map.
    #[arg(long, value_name = "RUN")]
    out: PathBuf,
    /// Samples of each set at most, drawn by the seed.
    #[arg(long, default_value_t = 1000, value_name = "N")]
    count: usize,
    /// Seed of draws and layout.
    #[arg(long, default_value_t = 1, value_name = "S")]
    seed: u64,
    /// Points in a neighbourhood: fewer show detail, more the large shape.
    #[arg(long, default_value_t = 15, value_name = "K")]
    neighbours: usize,
    /// How near points may come on the map, 0 to 1.
    #[arg(long, default_value_t = 0.1, value_name = "D")]
    min_dist: f64,
    #[command(flatten)]
    overlap: Overlap,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    compute: Compute,
}

/// Neighbours that trustworthiness looks at.
const TRUSTED: usize = 15;

/// Candidates beyond the neighbours that are wanted: room for the last digits of matrix products.
const SPARE: usize = 16;

/// The map itself.
const MAP: &str = "map.json";

/// A set of samples, and which of them are mapped.
struct Plotted {
    source: Side,
    kind: Kind,
    /// Rows of all samples of this side (of a real pack: training slices).
    samples: Vec<usize>,
    of: usize,
}

impl Plotted {
    fn open(path: &Path, kind: Kind, count: usize, seed: u64) -> Result<Self> {
        let source = Side::open(path)?;
        let all: Vec<usize> = match &source {
            Side::Pack(pack) if kind == Kind::Real => pack.indices(Split::Train),
            Side::Pack(pack) => (0..pack.len()).collect(),
            Side::Features { matrix, .. } => (0..matrix.size()[0] as usize).collect(),
            Side::Folder { .. } => {
                bail!("{}: a folder of images, expected a pack or a feature file", path.display())
            }
        };
        let of = all.len();
        let samples = if of > count {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut drawn = sample(&mut rng, of, count).into_vec();
            drawn.sort_unstable();
            drawn.into_iter().map(|i| all[i]).collect()
        } else {
            all
        };
        Ok(Self { source, kind, samples, of })
    }

    fn name(&self, panel: usize) -> String {
        match &self.source {
            Side::Pack(pack) => match pack.manifest().provenance.row() {
                Some(row) => display_name(&row),
                None => pack.manifest().dataset.clone(),
            },
            other => {
                let stem = other.path().file_stem().map(|stem| stem.to_string_lossy().into_owned());
                stem.unwrap_or_else(|| format!("set {}", panel + 1))
            }
        }
    }

    fn sample_name(&self, i: usize) -> String {
        let Side::Pack(pack) = &self.source else { return format!("row {i}") };
        let (case, slice) = (pack.manifest().case(i), &pack.manifest().slices[i]);
        match pack.manifest().provenance.row() {
            None => format!("{} slice {}", case.id, slice.position),
            Some(_) => format!("sample {i}"),
        }
    }

    fn features(&self, judge: Option<&Judge>) -> Result<Tensor> {
        let role = if self.kind == Kind::Real { "real" } else { "synthetic" };
        let features = match (&self.source, judge) {
            (Side::Features { matrix, .. }, _) => {
                let rows: Vec<i64> = self.samples.iter().map(|&i| i as i64).collect();
                matrix.index_select(0, &Tensor::from_slice(&rows))
            }
            (Side::Pack(pack), Some(judge)) => {
                let images = PackImages { pack, indices: self.samples.clone() };
                judge::features(judge, role, &images, self.kind == Kind::Real)?
            }
            _ => bail!("{}: no network to look at it", self.source.path().display()),
        };
        let checked = FeatureSet::new(role, &features)
            .with_context(|| format!("{}", self.source.path().display()))?;
        Ok(checked.matrix())
    }
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let meter = meter::start();
    let device = args.compute.start()?;
    let stop = Stop::listen()?;
    stop.ends_at_once();
    let mut sides = vec![Plotted::open(&args.real, Kind::Real, args.count, args.seed)?];
    for path in &args.synthetic {
        sides.push(Plotted::open(path, Kind::Synthetic, args.count, args.seed)?);
    }
    // Of packs there is a result, which is written last.
    let last = if subject(&sides).is_some() { "result.json" } else { MAP };
    if args.out.join("result.json").exists() || args.out.join(last).exists() {
        bail!("{}: holds a finished map, expected a new folder", args.out.display());
    }
    let mut settled = Settled::default();
    for side in &sides[1..] {
        let remark = args.judge.check_sizes(&sides[0].source, &side.source)?;
        let meeting = compared(&sides[0].source, &side.source, Use::OneSplit(Split::Train));
        settled =
            settled.and(Settled { remark, overlap: vec![] }).and(args.overlap.settle(&meeting)?);
    }
    let settings =
        Settings { neighbours: args.neighbours, min_dist: args.min_dist, seed: args.seed };
    let points: usize = sides.iter().map(|side| side.samples.len()).sum();
    settings.check(points)?;
    if points <= 2 * TRUSTED {
        bail!("{points} points, expected more than {} to measure trustworthiness", 2 * TRUSTED);
    }
    let outcome = draw(args, &sides, settings, device, &stop);
    if let Some(code) = stop.before_writing() {
        return Ok(code);
    }
    let (map, mut score) = outcome?;
    settled.note(std::slice::from_mut(&mut score));
    publish(args, &sides, &map)?;
    if let Some(subject) = subject(&sides) {
        let inputs: Vec<Input> =
            sides.iter().map(|side| side.source.input(role(side.kind))).collect::<Result<_>>()?;
        let images = Some(points as u64);
        let scores = vec![score.clone()];
        let result = meter.result("map", subject, scores, inputs, images, map.settings.clone());
        settled.of(result).publish(&args.out)?;
    }
    Scores { scores: vec![score], missing: vec![] }.print(args.json)?;
    if !args.json {
        show!("{}", args.out.join("map.html").display());
    }
    Ok(ExitCode::SUCCESS)
}

fn role(kind: Kind) -> &'static str {
    if kind == Kind::Real { "real" } else { "synthetic" }
}

/// What the run is about, where all are packs; the GAN where there is only one.
fn subject(sides: &[Plotted]) -> Option<Subject> {
    let mut gans = Vec::new();
    for side in sides {
        let Side::Pack(pack) = &side.source else { return None };
        gans.push(pack.manifest().provenance.row());
    }
    let Side::Pack(real) = &sides[0].source else { return None };
    let gan = if sides.len() == 2 { gans.pop().flatten() } else { None };
    Some(Subject { dataset: real.manifest().dataset.clone(), gan, trained_on: None })
}

fn draw(
    args: &Args,
    sides: &[Plotted],
    settings: Settings,
    device: Device,
    stop: &Stop,
) -> Result<(Map, Score)> {
    let files = sides.iter().filter(|side| matches!(side.source, Side::Features { .. })).count();
    if files != 0 && files != sides.len() {
        bail!("--real and --synthetic: expected packs only or feature files only");
    }
    let judge =
        if files == 0 { Some(args.judge.judge(&sides[0].source, device, stop)?) } else { None };
    let mut parts = Vec::new();
    for side in sides {
        let part = side.features(judge.as_ref())?;
        let width = parts.first().map_or(part.size()[1], |first: &Tensor| first.size()[1]);
        if part.size()[1] != width {
            bail!(
                "{}: {} dimensions, the real features have {width}; expected the same extractor",
                side.source.path().display(),
                part.size()[1]
            );
        }
        parts.push(part);
    }
    let kind = if parts.iter().all(|part| part.kind() == TensorKind::Float) {
        TensorKind::Float
    } else {
        TensorKind::Double
    };
    let parts: Vec<Tensor> = parts.into_iter().map(|part| part.to_kind(kind)).collect();
    let features = in_f32(&Tensor::cat(&parts, 0));
    drop(parts);
    let (points, width) = (features.size()[0] as usize, features.size()[1] as usize);
    say!("mapping {points} points of {width} dimensions");
    let wanted = settings.neighbours - 1;
    let near = if points <= wanted + SPARE + 1 {
        Candidates::everybody(points)
    } else {
        let near = candidates(&features, wanted as i64, (wanted + SPARE) as i64).indices;
        let near: Vec<i64> = Vec::try_from(near.reshape(-1))?;
        Candidates::new(near.into_iter().map(|i| i as u32).collect(), wanted + SPARE)?
    };
    let values: Vec<f32> = Vec::try_from(features.contiguous().view(-1))?;
    let found = umap(Points::new(&values, width)?, &near, settings)?;
    drop(values);
    let flat: Vec<f32> = found.iter().flatten().copied().collect();
    let plane = Tensor::from_slice(&flat).view([-1, 2]);
    let trust = trustworthiness(&features, &plane, TRUSTED, settings.seed)?;

    let extractor = judge.as_ref().map_or_else(|| UNKNOWN.to_owned(), |j| j.extractor.name());
    let treatment =
        judge.as_ref().map_or_else(|| "features from files".to_owned(), |j| j.treatment.clone());
    let mut map = Map {
        format: MAP_FORMAT,
        extractor,
        treatment: treatment.clone(),
        settings: serde_json::json!({
            "neighbours": settings.neighbours, "min_dist": settings.min_dist, "spread": 1.0, "seed": settings.seed,
            "epochs": epochs(points), "count": args.count, "dimensions": width,
        }),
        trustworthiness: trust.value,
        sets: Vec::new(),
        points: Vec::with_capacity(points),
    };
    let mut at = found.into_iter();
    for (i, side) in sides.iter().enumerate() {
        let panel = i.checked_sub(1);
        let input = side.source.input(role(side.kind))?;
        map.sets.push(Set {
            kind: side.kind,
            name: side.name(panel.unwrap_or(0)),
            panel,
            path: input.path,
            sha256: input.sha256,
            shown: side.samples.len(),
            of: side.of,
        });
        for (&index, [x, y]) in side.samples.iter().zip(at.by_ref()) {
            let name = side.sample_name(index);
            map.points.push(Point { x, y, kind: side.kind, panel, index, name });
        }
    }
    let counts = sides.iter().map(|side| side.samples.len());
    let protocol = format!(
        "UMAP ({} neighbours, least distance {}, seed {}); k = {TRUSTED}, {} of {points} points asked; {treatment}",
        settings.neighbours, settings.min_dist, settings.seed, trust.asked
    );
    let extractor = match &judge {
        Some(judge) => judge.extractor.name(),
        None => of_file(&sides[0].source)?,
    };
    let score = Score {
        extractor: Some(extractor),
        dialect: judge.as_ref().and_then(|j| j.dialect).map(str::to_owned),
        real_count: Some(sides[0].samples.len()),
        synthetic_count: Some(counts.skip(1).sum()),
        ..Score::new("trustworthiness", trust.value, protocol)
    };
    Ok((map, score.finite()?))
}

fn publish(args: &Args, sides: &[Plotted], map: &Map) -> Result<()> {
    let mut thumbnails = Vec::new();
    for side in sides {
        if let Side::Pack(pack) = &side.source {
            for &i in &side.samples {
                let slice = pack.slice(i)?;
                thumbnails.push(Thumbnail::of_slice(
                    slice.pixels,
                    slice.labels,
                    pack.slice_shape(),
                )?);
            }
        }
    }
    let pictures = if thumbnails.is_empty() {
        None
    } else {
        Some(sprite::pack(&thumbnails, page::PICTURE_BUDGET).context("--count")?)
    };
    let json = serde_json::to_vec(map)?;
    // A command that was killed before its result finds the map that it wrote.
    if read::bytes(&args.out.join(MAP)).is_ok_and(|found| found != json) {
        bail!("{}: holds another map, expected a new folder", args.out.display());
    }
    let html = page::html(map, pictures.as_ref())?;
    write_file(&args.out.join("map.svg"), figure::svg(map).as_bytes())?;
    write_file(&args.out.join("map.html"), html.as_bytes())?;
    write_file(&args.out.join(MAP), &json)
}
