//! "A is better than B": every comparison with its tests.

use crate::document::{self, Block, Column, Entry, Grid, HIDDEN, Section, fixed};
use crate::evidence::Evidence;
use crate::inference::compare::Comparison;
use crate::inference::primary::{FEWEST_PATIENTS, SECONDARY};
use anyhow::Result;
use vesalius_statistics::mrmc::Difference;

/// The page.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let inference = evidence.inference();
    if inference.questions.iter().all(|question| question.comparisons.is_empty()) {
        return Ok(Some(section(vec![Block::Text(
            "Nothing can be tested: that takes a U-Net trained on real images alone, others to compare it with, and \
             results that hold the Dice of at least two patients that all of them share."
                .to_owned(),
        )])));
    }
    let asked = &evidence.question;
    let mut blocks = vec![Block::Text(format!(
        "Differences of Dice over the test patients that both training sets share, with chance in patients and in \
         trainings (multi-reader multi-case analysis; runs that differ in their seed are the readers). The primary \
         comparison is tested at {}; all others together at {SECONDARY}, corrected by Holm. A difference of less than {} \
         is taken not to matter: \"no different\" is the verdict of two one-sided tests. Nothing is claimed of fewer than \
         {FEWEST_PATIENTS} patients, or where every training set has one run. The last columns are about these very \
         networks, sign flips and a bootstrap over patients: they say nothing of other trainings.",
        asked.level,
        fixed(asked.margin, 3)
    ))];
    let more = |key: &str, title: &str| Column {
        group: "Their tests, and what these very networks show".to_owned(),
        ..Column::new(key, title)
    };
    let mut columns = vec![
        Column::text("a", "A"),
        Column::text("b", "B"),
        Column::new("difference", "Dice of A less B"),
        Column::new("interval", "95 % interval"),
        Column::text("verdict", "A is"),
        Column::text("role", "Question"),
        Column::new("runs", "Runs of A, B"),
        more("p", "p, difference"),
        more("p_equivalent", "p, no difference"),
        more("p_holm", "p, corrected"),
        more("wins", "Patients better"),
        more("networks_interval", "95 % interval"),
        more("networks_p", "p, these networks"),
    ];
    columns.push(Column { group: HIDDEN.to_owned(), ..Column::text("question", "Question") });
    // One table per question to read, all of them in one file.
    for question in inference.questions.iter().filter(|q| !q.comparisons.is_empty()) {
        let rows = question.comparisons.iter().map(|comparison| {
            let mut row = row(comparison, asked.margin);
            row.push(question.kind.key().into());
            row
        });
        blocks.push(Block::Grid(Grid {
            name: "comparisons",
            dataset: evidence.dataset.to_owned(),
            caption: question.kind.text().to_owned(),
            columns: columns.clone(),
            rows: rows.collect(),
            remarks: vec![],
        }));
    }
    Ok(Some(section(blocks)))
}

fn row(comparison: &Comparison, margin: f64) -> Vec<Entry> {
    let ends = |interval: Option<[f64; 2]>| {
        interval.map_or_else(String::new, |found| document::interval(found, 3))
    };
    let study = comparison.study.as_ref();
    vec![
        comparison.a.clone().into(),
        comparison.b.clone().into(),
        Entry::Number(comparison.difference, 3),
        ends(comparison.interval()).into(),
        comparison.decision.text().into(),
        if comparison.is_primary { "primary" } else { "secondary" }.into(),
        format!("{}, {}", comparison.runs[0], comparison.runs[1]).into(),
        Entry::p(study.map(Difference::p)),
        Entry::p(study.map(|study| study.p_equivalent(margin))),
        Entry::p(comparison.corrected),
        format!("{} of {}", comparison.networks.wins, comparison.patients).into(),
        ends(comparison.networks.interval).into(),
        Entry::P(comparison.networks.p),
    ]
}

fn section(blocks: Vec<Block>) -> Section {
    Section {
        id: "comparisons",
        title: "Which differences are more than chance".to_owned(),
        blocks,
        files: vec![],
    }
}
