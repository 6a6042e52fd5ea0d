//! `vesalius inspect`: what is in a pack.

use anyhow::{Context as _, Result};
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::checks::findings::{Finding, lines};
use vesalius_data::checks::{pack_page, sheet};
use vesalius_data::files::publish::write_file;
use vesalius_data::output;
use vesalius_data::pack::Pack;
use vesalius_data::pack::inspect::{Summary, summarise};
use vesalius_data::say;
use vesalius_data::show;
use vesalius_data::text::count;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  vesalius inspect packs/acdc --montage acdc.png
  vesalius inspect packs/wgan-gp --html wgan-gp.html")]
pub struct Args {
    /// Pack.
    #[arg(value_name = "PACK")]
    pack: PathBuf,
    /// Where to write a picture of 36 slices with the outlines of their labels.
    #[arg(long, value_name = "FILE.png")]
    montage: Option<PathBuf>,
    /// Channel of the picture, by its number or name [default: colour, or the first].
    #[arg(long, value_name = "N|NAME", requires = "montage")]
    channel: Option<String>,
    /// Where to write a page with classes, intensities, cases and pictures; of volumes planes to scroll through and surfaces.
    #[arg(long, value_name = "FILE.html")]
    html: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Shown<'a> {
    /// By which results know the pack.
    digest: &'a str,
    #[serde(flatten)]
    summary: &'a Summary,
    /// What to know, the heaviest first; of the data sheet.
    findings: &'a [Finding],
    /// Where the data sheet is.
    sheet: Option<String>,
}

/// From no pixel to the most in any bin.
const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Runs it; reads every slice and so verifies every checksum.
pub fn run(args: &Args) -> Result<ExitCode> {
    // Planes of volumes are looked at as slices are.
    let pack = Pack::open_planes(&args.pack)?;
    let whole = Pack::open_any(&args.pack)?;
    let digest = whole.digest().to_owned();
    let summary = summarise(&pack)?;
    let (findings, page) = match sheet::read(pack.path())? {
        Some((sheet, page)) => (sheet.findings, Some(page)),
        None => (vec![], None),
    };
    if args.json {
        let all = Shown {
            digest: &digest,
            summary: &summary,
            findings: &findings,
            sheet: page.as_ref().map(|page| page.display().to_string()),
        };
        output::json(&all)?;
    } else {
        for line in lines(&findings) {
            show!("{line}");
        }
        print(&pack, &summary, &digest);
        match page {
            Some(page) => show!("data sheet: {}", page.display()),
            None => show!("data sheet: none; packs of `vesalius prepare` have one"),
        }
    }
    if let Some(path) = &args.montage {
        let channel = args.channel.as_deref().map(|name| channel(&pack, name)).transpose()?;
        let all: Vec<usize> = (0..pack.len()).collect();
        let (png, shown) = pack_page::picture(&pack, &all, channel)?;
        write_file(path, &png)?;
        say!("{}: {shown} slices", path.display());
    }
    if let Some(path) = &args.html {
        let volumes = whole.slice_shape().is_volume().then_some(&whole);
        let page = pack_page::page((&pack, volumes), &summary, &findings, &digest)?;
        write_file(path, page.as_bytes())?;
        say!("{}: a page of the pack", path.display());
    }
    Ok(ExitCode::SUCCESS)
}

/// A channel by its number, or by its name as a sequence.
fn channel(pack: &Pack, name: &str) -> Result<usize> {
    let (channels, named) = (pack.slice_shape().channels, &pack.manifest().sequences);
    let found = named.iter().position(|other| other == name).or_else(|| name.parse().ok());
    found.filter(|channel| *channel < channels).with_context(|| {
        let names =
            if named.is_empty() { String::new() } else { format!(", or {}", named.join(", ")) };
        format!("--channel {name}: expected 0 to {}{names}", channels - 1)
    })
}

fn print(pack: &Pack, summary: &Summary, digest: &str) {
    let layout = pack.stored();
    show!("{}  ({})", pack.path().display(), pack.manifest().dataset);
    show!(
        "{} of {} pixels, {}, {:?}; digest {}",
        count::of(pack.len() / layout.planes, layout.what()),
        layout.size(),
        count::of(layout.channels, "channel"),
        layout.pixel_type,
        &digest[..16]
    );
    show!("{}", summary.provenance);
    for side in &summary.sides {
        let name = side.split.word();
        show!(
            "{name}: {}, {}, {}",
            count::of(side.patients, "patient"),
            count::of(side.cases, "case"),
            count::of(side.slices, "slice")
        );
        for class in &side.classes {
            show!(
                "  {:<20} in {:>6} slices, {:>6.2} % of pixels",
                class.name,
                class.slices,
                100.0 * class.pixel_share
            );
        }
    }
    for (channel, counts) in summary.histograms.iter().enumerate() {
        let most = counts.iter().copied().max().unwrap_or(1).max(1);
        let bars: String = counts
            .iter()
            .map(|&count| BARS[(count as f64 / most as f64 * 8.0).ceil() as usize])
            .collect();
        let name = pack.manifest().sequences.get(channel);
        let name = name.map_or_else(|| format!("channel {channel}"), Clone::clone);
        show!("{name}: black |{bars}| white");
    }
}
