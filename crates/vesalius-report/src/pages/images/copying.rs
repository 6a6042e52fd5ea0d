//! Copying: did a GAN repeat its training images, and how much copying would the audit have found on this data?

use crate::document::{Art, Block, Column, Figure, Grid, Section};
use crate::evidence::Evidence;
use crate::evidence::runs::Run;
use crate::names::slug;
use crate::pages::images::stage;
use anyhow::Result;
use serde_json::Value;
use vesalius_data::pack::row::RowId;
use vesalius_data::run::copying::Level;

/// What the audit of a run concluded.
fn of(run: &Run) -> Option<Level> {
    Level::of_name(run.result.settings.get("level")?.as_str()?)
}

/// For the summary.
pub fn sentence(level: Level, name: &str) -> String {
    match level {
        Level::NoneFound => format!(
            "The audit found no copying in the images of {name}; that is no proof that there is none (see Copying)."
        ),
        Level::Suspicious => format!(
            "The audit found signs of copying in the images of {name}: look at the closest pairs before any use \
             outside (see Copying)."
        ),
        Level::Copying => format!(
            "The audit found that {name} copies training images: treat its images as patient data, do not share them."
        ),
    }
}

/// The worst level among the audits of a GAN's images; none without one. An audit of all samples speaks for those that
/// filtering left of them; one of a GAN does not speak for what it paints into other masks.
pub fn level(evidence: &Evidence, gan: &RowId) -> Option<Level> {
    worst(evidence, gan).map(|(level, _)| level)
}

/// The same with the audit that says so.
pub fn worst<'a>(evidence: &Evidence<'a>, gan: &RowId) -> Option<(Level, &'a Run)> {
    let own = |gan: &RowId| {
        let audits = evidence.stage("copying").filter(|run| run.gan() == Some(gan));
        audits.filter_map(|run| Some((of(run)?, run))).max_by_key(|(level, _)| *level)
    };
    own(gan).or_else(|| own(&gan.unfiltered()?))
}

/// The page.
///
/// # Errors
/// When a file of a run is damaged.
pub fn page(evidence: &Evidence) -> Result<Option<Section>> {
    let runs: Vec<&Run> = evidence.stage("copying").collect();
    if runs.is_empty() {
        return Ok(Some(section(vec![Block::Text(
            "No copying audit was run: whether these images repeat training patients is unknown (vesalius copying)."
                .to_owned(),
        )])));
    }
    let level = Column { group: "Copying".to_owned(), ..Column::text("level", "Copying") };
    let text = |run: &Run| of(run).map_or("not stated", Level::name).replace('_', " ");
    let mut blocks = vec![Block::List(runs.iter().filter_map(|run| verdict(run)).collect())];
    blocks.push(Block::Grid(Grid {
        dataset: evidence.dataset.to_owned(),
        caption: "Copying audit".to_owned(),
        remarks: vec![
            "AuthPct: per cent of images that are farther from their nearest training image than that is from another \
             one. C_T: far below 0 is copying. Planted copies: known copies of training images that were mixed in, and \
             the share of them that the audit found."
                .to_owned(),
        ],
        ..stage::grid(&runs, "copying", Some((level, &text)))
    }));
    let limits = limits(&runs);
    if !limits.is_empty() {
        blocks.push(Block::Heading("What this audit cannot see".to_owned()));
        blocks.push(Block::List(limits));
    }
    let mut figures = vec![];
    for run in &runs {
        if let Some(png) = run.picture("closest.png")? {
            let name = run.seen_name();
            figures.push(Figure {
                name: format!("copying-{}", slug(run)),
                title: name.clone(),
                caption: "the synthetic images closest to a training image, each beside it."
                    .to_owned(),
                alt: format!("synthetic images of {name} closest to training images, in pairs"),
                art: Art::Png(png),
                link: None,
            });
        }
    }
    if !figures.is_empty() {
        blocks.push(Block::Gallery(figures));
    }
    Ok(Some(section(blocks)))
}

fn section(blocks: Vec<Block>) -> Section {
    Section {
        id: "copying",
        title: "Copying: are training patients repeated?".to_owned(),
        blocks,
        files: vec![],
    }
}

fn verdict(run: &Run) -> Option<String> {
    let text = run.result.settings.get("verdict")?.as_str()?;
    Some(format!("{}: {text}", run.seen_name()))
}

/// Limits of all audits, each once; a text or a list of texts.
fn limits(runs: &[&Run]) -> Vec<String> {
    let mut found: Vec<String> = vec![];
    for run in runs {
        let texts: Vec<&str> = match run.result.settings.get("limits") {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
            _ => vec![],
        };
        for text in texts {
            if !found.iter().any(|other| other == text) {
                found.push(text.to_owned());
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::fixture::evidence;
    use crate::evidence::fixture::{Fixture, result};
    use vesalius_data::run::score::Score;

    #[test]
    fn the_worst_audit_counts_and_a_missing_one_is_unknown() {
        let mut fixture = Fixture::new();
        for (gan, level) in [("lsgan", "none_found"), ("lsgan", "copying"), ("wgan", "suspicious")]
        {
            let score = Score::new("auth_pct", f64::from(level.len() as u32), "made up".into());
            let mut result = result("copying", Some(gan), vec![score]);
            result.settings =
                serde_json::json!({ "level": level, "verdict": "words", "limits": ["one", "two"] });
            fixture.add(&result);
        }
        let runs = fixture.runs();
        let evidence = &evidence(&runs).unwrap()[0];
        assert_eq!(level(evidence, &"lsgan".into()), Some(Level::Copying));
        assert_eq!(level(evidence, &"lsgan, plausible only".into()), Some(Level::Copying));
        assert_eq!(level(evidence, &"wgan".into()), Some(Level::Suspicious));
        assert_eq!(level(evidence, &"hinge".into()), None);
        assert_eq!(level(evidence, &"wgan, masks of lsgan".into()), None, "other images");
        assert_eq!(limits(&evidence.runs), ["one", "two"]);
    }

    /// A GAN of volumes is searched plane by plane and whole: two audits, neither a repetition of the other.
    #[test]
    fn audits_of_planes_and_of_whole_volumes_are_two() {
        let mut fixture = Fixture::new();
        for (dialect, value) in [(None, 0.25), (Some("volumes"), 0.75)] {
            let mut score = Score::new("auth_pct", value, "made up".into());
            score.dialect = dialect.map(str::to_owned);
            let mut result = result("copying", Some("lsgan"), vec![score]);
            result.settings = serde_json::json!({ "level": "none_found", "verdict": "words" });
            fixture.add(&result);
        }
        let runs = fixture.runs();
        let evidence = &evidence(&runs).unwrap()[0];
        let names: Vec<String> = evidence.runs.iter().map(|run| run.seen_name()).collect();
        assert_eq!(names, ["LSGAN", "LSGAN, whole volumes"]);
        let measured = evidence.keys().into_iter().map(|key| {
            let measure = evidence.measure(&"lsgan".into(), &key).unwrap();
            (key.title(), measure.value, measure.runs)
        });
        let [planes, whole] = measured.collect::<Vec<_>>().try_into().unwrap();
        assert_eq!((planes.1, planes.2), (0.25, 1));
        assert_eq!((whole.1, whole.2), (0.75, 1));
        assert!(whole.0.ends_with("(volumes)"), "{}", whole.0);
    }
}
