//! `vesalius init`: what a dataset is like, and the commands that fit it.

use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::checks::findings::lines;
use vesalius_data::layouts::{SourceOptions, segments_file};
use vesalius_data::output;
use vesalius_data::prepare::fingerprint::{Fingerprint, Range, fingerprint};
use vesalius_data::prepare::{SAME_SPACING, orient};
use vesalius_data::show;
use vesalius_data::text::shell;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Looks at an annotated dataset without changing it: layout, patients, sizes, spacings, orientations, values and classes, and
proposes the commands that make a pack of it. Of many cases the first 60 are read.

Examples:
  vesalius init ACDC/
  vesalius init PACS/ --classes background,liver,tumour
  vesalius init cases.csv --json")]
pub struct Args {
    /// Folder of the dataset, or its table.
    #[arg(value_name = "DIR")]
    root: PathBuf,
    /// Names of the label values 0, 1, … or of segments, where files do not tell.
    #[arg(long, value_delimiter = ',', value_name = "NAME,…")]
    classes: Option<Vec<String>>,
    /// Regular expression on file names whose first group is the patient (folder, nnunet).
    #[arg(long, value_name = "REGEX")]
    patient: Option<String>,
    /// TOML file of segments that are called otherwise than their class.
    #[arg(long, value_name = "FILE")]
    segments: Option<PathBuf>,
    /// Print facts and the proposed command as JSON.
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let segments = args.segments.as_deref().map(segments_file).transpose()?;
    let options = SourceOptions {
        classes: args.classes.clone(),
        patient: args.patient.clone(),
        segments: segments.unwrap_or_default(),
    };
    let found = fingerprint(&args.root, &options)?;
    let prepare = proposal(args, &found);
    if args.json {
        let text = serde_json::json!({ "facts": found, "prepare": prepare });
        output::json(&text)?;
        return Ok(ExitCode::SUCCESS);
    }
    show!("{}: layout {}", args.root.display(), found.layout);
    for (name, text) in facts(&found) {
        show!("  {name:<12} {text}");
    }
    for line in lines(&found.findings) {
        show!("{line}");
    }
    show!("");
    if found.patients < 2 {
        show!("One patient: nobody is left to test on. Every command wants two at least.");
        return Ok(ExitCode::SUCCESS);
    }
    show!("It fits:");
    let words: Vec<String> = prepare.iter().map(|word| shell::quote(word)).collect();
    show!("  {}", words.join(" "));
    let pack = prepare.iter().skip_while(|word| *word != "--out").nth(1);
    show!("  vesalius study new {} --hours 8", shell::quote(pack.map_or("PACK", String::as_str)));
    Ok(ExitCode::SUCCESS)
}

/// Facts by name, one line each.
fn facts(found: &Fingerprint) -> Vec<(&'static str, String)> {
    let mut told = vec![("patients", found.patients.to_string())];
    let read = if found.read < found.cases {
        format!(", {} of them read", found.read)
    } else {
        String::new()
    };
    told.push(("cases", format!("{}{read}", found.cases)));
    if let [Some(rows), Some(columns), Some(slices)] = [found.rows, found.columns, found.slices] {
        let size = format!(
            "{} rows, {} columns, {} slices",
            span(rows, 0),
            span(columns, 0),
            span(slices, 0)
        );
        told.push(("size", size));
    }
    let channels: Vec<String> = found.channels.iter().map(usize::to_string).collect();
    let sequences = match found.sequences.len() {
        0 => channels.join(" or "),
        _ => format!("{} ({})", channels.join(" or "), found.sequences.join(", ")),
    };
    told.push(("channels", sequences));
    let spacing = match (found.spacing_mm, found.between_mm) {
        (None, _) => "not said by the files".to_owned(),
        (Some(within), None) => format!("{} mm", span(within, 2)),
        (Some(within), Some(between)) => {
            format!("{} mm in the slices, {} mm between them", span(within, 2), span(between, 2))
        }
    };
    told.push(("spacing", spacing));
    if !found.orientations.is_empty() {
        let all: Vec<String> =
            found.orientations.iter().map(|(name, count)| format!("{name} in {count}")).collect();
        told.push(("orientation", all.join(", ")));
    }
    let modality = match (found.modalities.is_empty(), found.hounsfield) {
        (false, _) => found.modalities.iter().cloned().collect::<Vec<_>>().join(" and "),
        (true, true) => "CT, by its values".to_owned(),
        (true, false) => "not said by the files".to_owned(),
    };
    told.push(("modality", modality));
    if let Some(values) = found.values {
        let unit = if found.hounsfield { ", as Hounsfield units" } else { "" };
        told.push((
            "values",
            format!(
                "{} to {}, median {}{unit}",
                short(values.least, 1),
                short(values.greatest, 1),
                short(values.median, 1)
            ),
        ));
    }
    for class in &found.classes {
        let text = format!(
            "{}: {} % of the voxels, in {} of {} cases",
            class.name,
            short(100.0 * class.share, 2),
            class.cases,
            found.read
        );
        told.push(("class", text));
    }
    for (group, count) in &found.groups {
        told.push(("group", format!("{group}: {count} cases")));
    }
    told.push(("split", if found.official { "its own" } else { "none of its own" }.to_owned()));
    told
}

fn short(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

fn span(range: Range, digits: usize) -> String {
    let [least, median, greatest] =
        [range.least, range.median, range.greatest].map(|value| short(value, digits));
    if least == greatest { least } else { format!("{least} to {greatest} (median {median})") }
}

/// Sides of slices that GANs grow to, in pixels.
const SIDES: [f64; 4] = [64.0, 96.0, 128.0, 256.0];
/// Fewer patients are better used in folds than divided once.
const FEW: usize = 40;

/// The `prepare` that fits, word by word.
fn proposal(args: &Args, found: &Fingerprint) -> Vec<String> {
    let name = args
        .root
        .file_stem()
        .map_or_else(|| "data".to_owned(), |name| name.to_string_lossy().to_lowercase());
    let mut words: Vec<String> = ["vesalius", "prepare", found.layout].map(str::to_owned).to_vec();
    words.push(args.root.display().to_string());
    let mut option = |name: &str, value: String| words.extend([name.to_owned(), value]);
    option("--out", format!("packs/{name}"));
    let side = found
        .rows
        .zip(found.columns)
        .map_or(128.0, |(rows, columns)| rows.median.min(columns.median));
    // Labels with a margin of a fifth; the whole slice where they reach far.
    let kept = found.labelled_extent.map_or(1.0, |extent| (1.2 * extent).min(1.0));
    let pixels = side * kept;
    let size =
        SIDES.iter().rev().find(|size| **size <= pixels.max(64.0)).unwrap_or(&64.0).min(128.0);
    option("--size", format!("{size}x{size}"));
    let uneven = found.spacing_mm.filter(|spacing| spacing.greatest > SAME_SPACING * spacing.least);
    if let Some(spacing) = uneven {
        option("--spacing", short(spacing.median, 2));
    }
    if kept < 0.8 {
        let side = ((side * kept).ceil() / 8.0).ceil() * 8.0;
        option("--crop", format!("centre:{side}x{side}"));
    }
    if found.orientations.len() > 1 {
        option("--orientation", orient::usual(&found.orientations).unwrap_or_default().to_owned());
    }
    match &args.classes {
        Some(classes) => option("--classes", classes.join(",")),
        None if found.classes.len() > 2 && found.classes.iter().any(|class| !class.named) => {
            let names: Vec<String> =
                found.classes.iter().map(|class| class.name.replace(' ', "_")).collect();
            option("--classes", names.join(","));
        }
        None => {}
    }
    if let Some(pattern) = &args.patient {
        option("--patient", pattern.clone());
    }
    if let Some(file) = &args.segments {
        option("--segments", file.display().to_string());
    }
    if found.official {
        option("--split", "official".to_owned());
    } else if found.patients >= FEW {
        option("--validation-share", "0.2".to_owned());
    } else {
        option("--folds", found.patients.clamp(2, 5).to_string());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_spans_say_one_number_once() {
        assert_eq!(short(1.5, 2), "1.5");
        assert_eq!(short(120.0, 0), "120");
        assert_eq!(span(Range { least: 2.0, median: 2.0, greatest: 2.0 }, 2), "2");
        assert_eq!(
            span(Range { least: 1.0, median: 1.25, greatest: 2.0 }, 2),
            "1 to 2 (median 1.25)"
        );
    }
}
