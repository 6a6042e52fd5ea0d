//! "A is better than B": every comparison with its paired test.

use crate::document::{Block, Column, Entry, Grid, HIDDEN, Section, fixed};
use crate::evidence::Evidence;
use crate::inference::compare::{ALPHA, KINDS, Question, ask};
use anyhow::Result;

/// The page.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let questions: Vec<Question> = KINDS.into_iter().map(|kind| ask(evidence, kind)).collect();
    let mut blocks = vec![Block::Text(format!(
        "Paired permutation tests over the test patients that both training sets share, on each patient's Dice (mean \
         over repeated runs first), two-sided; Holm's correction within each question. Shown means a corrected p below \
         {ALPHA}. The tests flip signs, so they take differences to be symmetric where nothing helps: skewed ones give \
         more false claims than {ALPHA}. The most useful GAN was chosen by the same patients: tests of it against others \
         flatter it."
    ))];
    let mut rows = vec![];
    for question in &questions {
        for comparison in &question.comparisons {
            let verdict = match (comparison.is_shown(), comparison.difference > 0.0) {
                (false, _) => "not shown",
                (true, true) => "better",
                (true, false) => "worse",
            };
            let interval = comparison.interval.map_or_else(String::new, |[low, high]| {
                format!("[{}, {}]", fixed(low, 3), fixed(high, 3))
            });
            rows.push(vec![
                comparison.a.clone().into(),
                comparison.b.clone().into(),
                Entry::Number(comparison.difference, 3),
                interval.into(),
                format!("{} of {}", comparison.wins, comparison.patients).into(),
                format!("{}, {}", comparison.runs[0], comparison.runs[1]).into(),
                Entry::Number(comparison.p, 4),
                Entry::Number(comparison.corrected, 4),
                verdict.into(),
                question.kind.key().into(),
            ]);
        }
    }
    if rows.is_empty() {
        blocks = vec![Block::Text(
            "Nothing can be tested: that takes a U-Net trained on real images alone, others to compare it with, and \
             results that hold the Dice of at least two patients that all of them share."
                .to_owned(),
        )];
        return Ok(Some(section(blocks)));
    }
    let columns = [
        Column::text("a", "A"),
        Column::text("b", "B"),
        Column::new("difference", "Dice of A less B"),
        Column::new("interval", "95 % interval"),
        Column::new("wins", "Patients better"),
        Column::new("runs", "Runs of A, B"),
        Column::new("p", "p"),
        Column::new("p_holm", "p, Holm"),
        Column::new("verdict", "A is"),
    ];
    // One table per question to read, all of them in one file.
    for question in questions.iter().filter(|question| !question.comparisons.is_empty()) {
        let mine: Vec<Vec<Entry>> = rows
            .iter()
            .filter(|row| row.last() == Some(&question.kind.key().into()))
            .cloned()
            .collect();
        let mut columns = columns.to_vec();
        columns.push(Column { group: HIDDEN.to_owned(), ..Column::text("question", "Question") });
        blocks.push(Block::Grid(Grid {
            name: "comparisons",
            dataset: evidence.dataset.to_owned(),
            caption: question.kind.text().to_owned(),
            columns,
            rows: mine,
            remarks: question.power().into_iter().collect(),
        }));
    }
    Ok(Some(section(blocks)))
}

fn section(blocks: Vec<Block>) -> Section {
    Section {
        id: "comparisons",
        title: "Which differences are more than chance".to_owned(),
        blocks,
        files: vec![],
    }
}
