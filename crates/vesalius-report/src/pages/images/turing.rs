//! The visual Turing test: could readers tell?

use crate::catalogue::known;
use crate::document::{Art, Block, Column, Entry, Figure, Grid, HIDDEN, Section, fixed};
use crate::evidence::Evidence;
use crate::evidence::measure::Measure;
use crate::evidence::runs::Run;
use crate::names::slug;
use crate::paper::TURING_ACCURACY;
use anyhow::Result;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;

/// Columns, in order.
const METRICS: [&str; 6] = [
    "turing_accuracy",
    "turing_sensitivity",
    "turing_specificity",
    "turing_d_prime",
    "turing_auc",
    "turing_secs",
];

/// The page; nothing without a reading.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let runs: Vec<&Run> = evidence.stage("turing").collect();
    if runs.is_empty() {
        return Ok(None);
    }
    let mut blocks = vec![Block::List(runs.iter().map(|run| sentence(run)).collect())];
    blocks.push(Block::Grid(grid(evidence, &runs)));
    let mut figures = vec![];
    for run in &runs {
        for (stem, title, caption) in [
            (
                "most-convincing",
                "Most convincing",
                "synthetic images that were most surely taken for real",
            ),
            (
                "least-convincing",
                "Least convincing",
                "synthetic images that were most surely found out",
            ),
        ] {
            if let Some(png) = run.picture(&format!("{stem}.png"))? {
                figures.push(Figure {
                    name: format!("{stem}-{}", slug(run)),
                    title: format!("{title}, {}", name(run)),
                    caption: format!("{caption}; each plain and with the outlines of its mask."),
                    alt: format!("{caption}: {}", name(run)),
                    art: Art::Png(png),
                    link: None,
                });
            }
        }
    }
    if !figures.is_empty() {
        blocks.push(Block::Gallery(figures));
    }
    Ok(Some(Section {
        id: "turing",
        title: "Visual Turing test: could readers tell?".to_owned(),
        blocks,
        files: vec![],
    }))
}

fn name(run: &Run) -> String {
    run.gan_name()
}

/// What may be said: an interval that holds 0.5 shows no difference, which is not the same as showing none.
fn sentence(run: &Run) -> String {
    let readers = run.result.settings["readers"].as_array().map_or(0, Vec::len);
    let who = if readers == 1 { "1 reader".to_owned() } else { format!("{readers} readers") };
    let Some(score) = run.score("turing_accuracy", None) else {
        return format!("{}: {who}, no verdict counts.", name(run));
    };
    let says = match score.interval {
        Some([low, _]) if low > 0.5 => "they could tell better than by chance",
        Some([_, high]) if high < 0.5 => "they were wrong more often than by chance",
        Some(_) => "whether they could tell better than by chance is not shown either way",
        None => "too few answers for an interval",
    };
    let ends = |score: &Score| {
        score.interval.map_or_else(String::new, |ends| {
            let [low, high] = ends.map(|end| fixed(end, 2));
            format!(" [{low}, {high}]")
        })
    };
    let interval = ends(score);
    let kappa = run.score("turing_kappa", None).map_or_else(String::new, |kappa| {
        format!(" Agreement (Fleiss' κ) {}{}.", fixed(kappa.value, 2), ends(kappa))
    });
    format!(
        "{}: {who} were right on {:.2} of the images{interval}; {says}. The cardiologists of the paper: \
         {TURING_ACCURACY:.2}.{kappa}",
        name(run),
        score.value
    )
}

/// A row per reader and one over all of them, per GAN.
fn grid(evidence: &Evidence, runs: &[&Run]) -> Grid {
    let mut columns = vec![
        Column::text("reader", "Reader"),
        Column { group: HIDDEN.to_owned(), ..Column::text("gan", "GAN") },
    ];
    columns.extend(METRICS.iter().map(|metric| {
        let title = known(metric).map_or(*metric, |metric| metric.title);
        Column::new(metric.strip_prefix("turing_").unwrap_or(metric), title)
    }));
    let mut rows = vec![];
    for run in runs {
        let readers = run.result.settings["readers"].as_array().into_iter().flatten();
        let readers = readers.filter_map(|reader| reader.as_str());
        let parts =
            readers.map(|reader| (reader.to_owned(), Some(Part::Reader(reader.to_owned()))));
        for (reader, of) in parts.chain([("all readers".to_owned(), None)]) {
            let label = if runs.len() > 1 { format!("{reader}, {}", name(run)) } else { reader };
            let mut row: Vec<Entry> = vec![label.into(), name(run).into()];
            row.extend(METRICS.iter().map(|metric| {
                let measure = run.score(metric, of.as_ref());
                let digits = known(metric).map_or(2, |metric| metric.digits);
                Entry::measured(measure.map(Measure::of_one), digits)
            }));
            rows.push(row);
        }
    }
    let mut paper: Vec<Entry> = vec!["cardiologists of the paper".into(), Entry::Absent];
    paper.push(Entry::Number(TURING_ACCURACY, 2));
    paper.resize(columns.len(), Entry::Absent);
    rows.push(paper);
    Grid {
        name: "turing",
        dataset: evidence.dataset.to_owned(),
        caption: "Visual Turing test: real or synthetic?".to_owned(),
        columns,
        rows,
        remarks: vec![
            "Sensitivity: share of synthetic images called synthetic; specificity: share of real images called real. An \
             accuracy and an AUC of 0.5, a d′ of 0: readers could not tell. Real images are slices of test patients."
                .to_owned(),
        ],
    }
}
