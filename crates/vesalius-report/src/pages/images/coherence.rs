//! Volumes: whether neighbouring planes fit each other as those of real ones do, and bodies are as many and as large.

use super::stage;
use crate::document::{Block, Column, Entry, Grid, Section, p_said};
use crate::evidence::Evidence;
use crate::evidence::runs::Run;
use anyhow::Result;
use std::collections::BTreeSet;
use vesalius_data::run::part::Part;
use vesalius_data::text::count;

/// Level of the test.
const LEVEL: f64 = 0.05;

/// The page; nothing without such a run.
///
/// # Errors
/// None.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let runs: Vec<&Run> = evidence.stage("coherence").collect();
    if runs.is_empty() {
        return Ok(None);
    }
    let grid = Grid {
        dataset: evidence.dataset.to_owned(),
        caption: "Neighbouring planes and bodies of volumes".to_owned(),
        remarks: vec![
            "Held-out real: the same of real training patients against the test patients, which is what a perfect generator \
             could give."
                .to_owned(),
        ],
        ..stage::grid(&runs, "coherence", None)
    };
    let blocks = vec![
        Block::List(runs.iter().flat_map(|run| verdicts(run)).collect()),
        Block::Grid(grid),
        Block::Grid(means(evidence, &runs)),
    ];
    Ok(Some(Section {
        id: "coherence",
        title: "Volumes: do neighbouring planes fit?".to_owned(),
        blocks,
        files: vec![],
    }))
}

/// What the tests of a run say. One of an older version has no bodies.
fn verdicts(run: &Run) -> Vec<String> {
    let planes = [
        "planes follow each other otherwise than in real volumes",
        "not told from real volumes by how planes follow each other",
    ];
    let bodies = [
        "pieces and sizes of the classes are others than in real volumes",
        "not told from real volumes by pieces and sizes of the classes",
    ];
    let all = [("coherence_p", planes), ("anatomy_p", bodies)];
    all.into_iter().filter_map(|(metric, words)| verdict(run, metric, words)).collect()
}

/// What a test says: in the words that they differ, or that they were not told apart.
fn verdict(run: &Run, metric: &str, [differ, alike]: [&str; 2]) -> Option<String> {
    let p = |of: Option<&Part>| run.score(metric, of).map(|score| score.value);
    let found = run.score(metric, None)?;
    let sides = match (found.synthetic_count, found.real_count) {
        (Some(made), Some(real)) => {
            format!("; {} against {}", count::of(made, "volume"), count::of(real, "test patient"))
        }
        _ => String::new(),
    };
    let said = if found.value < LEVEL { differ } else { alike };
    // Where real ones differ among themselves, the test says less of synthetic ones.
    let own = p(Some(&Part::HeldOutReal)).filter(|p| *p < LEVEL).map_or_else(String::new, |p| {
        format!("; real training and test patients differ as well, {}", p_said(p))
    });
    Some(format!("{}: {said} ({}{sides}{own})", run.gan_name(), p_said(found.value)))
}

/// Means of each quantity: of real volumes, and of each generator's.
fn means(evidence: &Evidence, runs: &[&Run]) -> Grid {
    let side = |run: &Run, side: &str, quantity: &str| -> Option<f64> {
        run.result.settings["means"][side][quantity].as_f64()
    };
    let quantities: BTreeSet<&str> = runs
        .iter()
        .filter_map(|run| run.result.settings["means"]["real test"].as_object())
        .flat_map(|means| means.keys().map(String::as_str))
        .collect();
    let entry = |value: Option<f64>| value.map_or(Entry::Absent, |value| Entry::Number(value, 3));
    let row = |quantity: &&str| {
        let real = runs.iter().find_map(|run| side(run, "real test", quantity));
        let made = runs.iter().map(|run| entry(side(run, "synthetic", quantity)));
        [Entry::Text((*quantity).to_owned()), entry(real)].into_iter().chain(made).collect()
    };
    let generators = runs.iter().map(|run| Column::new(&run.gan_name(), &run.gan_name()));
    Grid {
        name: "coherence_means",
        dataset: evidence.dataset.to_owned(),
        caption: "What of neighbouring planes and bodies is compared: means over volumes"
            .to_owned(),
        columns: [Column::text("quantity", "Quantity"), Column::new("real", "Real test")]
            .into_iter()
            .chain(generators)
            .collect(),
        rows: quantities.iter().map(row).collect(),
        remarks: vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::{Fixture, evidence};

    /// The points of the page.
    fn all_said(p: f64, own: f64, bodies: f64) -> Vec<String> {
        let mut fixture = Fixture::new();
        let scores = [
            ("coherence_p", None, p),
            ("coherence_p", Some("held-out real"), own),
            ("anatomy_p", None, bodies),
        ];
        fixture.judged("coherence", "lsgan", &scores);
        let runs = fixture.runs();
        let section = page(&evidence(&runs).unwrap()[0]).unwrap().unwrap();
        let Block::List(points) = &section.blocks[0] else { panic!("a list") };
        points.clone()
    }

    /// The first.
    fn said(p: f64, own: f64) -> String {
        all_said(p, own, 0.5).swap_remove(0)
    }

    #[test]
    fn planes_that_fit_and_that_do_not_are_told_apart_and_so_is_a_test_that_says_little() {
        assert_eq!(
            said(0.0005, 0.48),
            "LSGAN: planes follow each other otherwise than in real volumes (p < 0.001; 100 volumes against 50 test \
             patients)"
        );
        assert!(said(0.3, 0.48).starts_with("LSGAN: not told from real volumes"));
        assert!(
            all_said(0.3, 0.4, 0.5)[1].starts_with("LSGAN: not told from real volumes by pieces")
        );
        assert!(
            all_said(0.3, 0.4, 0.01)[1].starts_with("LSGAN: pieces and sizes of the classes are")
        );
        let little = said(0.04, 0.02);
        assert!(
            little.contains("real training and test patients differ as well, p = 0.020"),
            "{little}"
        );
    }
}
