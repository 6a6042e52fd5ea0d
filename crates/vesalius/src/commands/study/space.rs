//! What a study says of trainings, checked against the settings that there are before anything starts.

use super::resolver::Resolver;
use anyhow::{Context as _, Error, Result, bail};
use std::path::Path;
use vesalius_study::plan::{Ask, Stages as _};
use vesalius_study::study::{Gan, Study};
use vesalius_study::task::Stage;
use vesalius_torch::spec::preset_names;

/// Reads a study and tries every value of its space once.
///
/// # Errors
/// One line with file, line and column.
pub fn read(path: &Path) -> Result<Study> {
    let study = Study::read(path)?;
    refuse_what_is_set_elsewhere(&study)?;
    let resolver = Resolver::of(&study);
    for gan in &study.gan {
        check(&study, gan, &resolver)?;
    }
    check_stages(&study, &resolver)?;
    Ok(study)
}

/// Tries what the study says of the stages that judge.
fn check_stages(study: &Study, resolver: &Resolver) -> Result<()> {
    let at = |section: &str| study.at_line(section);
    let attempt = |section: &str, stage: Stage, said: &toml::Table| {
        let said = serde_json::to_value(said)?;
        let tried = resolver.settings(stage, said);
        tried.map(drop).with_context(|| format!("{}: {section}: {}", at(section), stage.name()))
    };
    attempt("[unet]", Stage::Segment, &study.unet.settings())?;
    let Some(best) = &study.best else { return Ok(()) };
    best.judges().iter().try_for_each(|(stage, said, _)| attempt("[best]", *stage, said))
}

/// Settings that the study file has keys of its own for, which win.
const SET_ELSEWHERE: [(&str, &str); 2] =
    [("training.kimg", "kimg of [budget]"), ("training.seed", "seeds")];

fn refuse_what_is_set_elsewhere(study: &Study) -> Result<()> {
    for (path, key) in SET_ELSEWHERE {
        for parameter in &study.search.parameter {
            let paths = &parameter.paths;
            if paths.get_ref().iter().any(|found| found == path) {
                bail!("{}: {path}, expected {key} instead", study.at(&paths.span()));
            }
        }
        for set in study.gan.iter().flat_map(|gan| study.set_of(gan)) {
            if path_of(set.get_ref()) == path {
                bail!("{}: {path}, expected {key} instead", study.at(&set.span()));
            }
        }
    }
    Ok(())
}

fn path_of(setting: &str) -> &str {
    setting.split('=').next().unwrap_or("").trim()
}

fn check(study: &Study, gan: &Gan, resolver: &Resolver) -> Result<()> {
    let preset = gan.preset.get_ref();
    let names = preset_names();
    if !names.contains(preset) {
        let at = study.at(&gan.preset.span());
        bail!("{at}: {preset}: no such preset, expected one of {}", names.join(", "));
    }
    let kimg = study.kimg(gan);
    let base = study.settings(gan);
    let init = study.init_of(gan);
    let attempt = |more: Vec<String>| {
        let settings: Vec<String> = base.iter().cloned().chain(more).collect();
        let init_from = init.as_deref();
        resolver.training(&Ask {
            preset,
            settings: &settings,
            init_from,
            kimg,
            seed: study.seeds[0],
        })
    };
    let space = study.space(gan);
    let (mut tried, mut paints_masks) = (false, false);
    let (mut truncates, mut encodes_styles) = (false, false);
    for (i, parameter) in study.search.parameter.iter().enumerate() {
        let values: Vec<f64> = match parameter.cardinality() {
            Some(count) => (0..count).map(|i| i as f64).collect(),
            None => vec![parameter.along(0.0), parameter.along(1.0)],
        };
        for at in values {
            let Some(point) = space.with(i, at) else { continue };
            tried = true;
            let resolved = attempt(space.settings(&point)).map_err(|error| {
                let own = parameter.paths.get_ref().iter().any(|path| names_it(&error, path));
                let set = if own { None } else { to_blame(study, gan, &error) };
                error.context(format!(
                    "{}: {preset}",
                    set.unwrap_or_else(|| study.at(&Study::span_of(parameter)))
                ))
            })?;
            paints_masks |= resolved.paints_masks;
            truncates |= resolved.truncates;
            encodes_styles |= resolved.encodes_styles;
        }
    }
    // Only where there is no other: a value of the space may be what the settings alone lack.
    if !tried {
        let resolved = attempt(vec![]).map_err(|error| {
            let at = to_blame(study, gan, &error);
            error.context(at.unwrap_or_else(|| study.at(&gan.preset.span())))
        })?;
        paints_masks |= resolved.paints_masks;
        truncates |= resolved.truncates;
        encodes_styles |= resolved.encodes_styles;
    }
    if let Some(psi) = &gan.truncation {
        let at = study.at(&psi.span());
        let psi = *psi.get_ref();
        if !(0.0..=1.0).contains(&psi) {
            bail!("{at}: truncation {psi}: expected 0 to 1");
        }
        if psi != 1.0 && !truncates {
            bail!(
                "{at}: truncation {psi}: preset {preset} has no mean style to pull styles to, expected 1"
            );
        }
    }
    if let Some(lent) = gan.training_styles.as_ref().filter(|_| !encodes_styles) {
        let at = study.at(&lent.span());
        bail!(
            "{at}: training_styles: preset {preset} has no style encoder, expected none to be said"
        );
    }
    if let Some(masks) = gan.masks.as_ref().filter(|_| !paints_masks) {
        let at = study.at(&masks.span());
        bail!("{at}: masks: preset {preset} makes its own, expected none to be given");
    }
    Ok(())
}

/// Where the setting stands that an error is about, the last of several.
fn to_blame(study: &Study, gan: &Gan, error: &Error) -> Option<String> {
    let set = study.set_of(gan).rev().find(|set| names_it(error, path_of(set.get_ref())))?;
    Some(study.at(&set.span()))
}

fn names_it(error: &Error, path: &str) -> bool {
    !path.is_empty() && format!("{error:#}").contains(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDY: &str = r#"
name = "small"
out = "out"
dataset = [{ pack = "packs/a" }]
gan = [{ preset = "dcgan" }]
budget = { runs = 1, kimg = 10.0 }
search = { sampler = { kind = "random" } }
[best]
count = 9
WHAT
[unet]
UNET
"#;

    fn read_with(what: &str, unet: &str) -> Result<Study> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.pt"), b"weights").unwrap();
        let path = folder.path().join("study.toml");
        std::fs::write(&path, STUDY.replace("WHAT", what).replace("UNET", unet)).unwrap();
        read(&path)
    }

    /// What the commands can be told, a study can say.
    #[test]
    fn a_study_says_all_that_the_commands_can() {
        for what in [
            "distance = [\"unet\", \"inception\", \"vgg16\"]",
            "distance = [{ extractor = \"unet\", real_split = \"test\", biased = true }]",
            "distance = [{ extractor = { network = \"inception\", dialect = \"pytorch-fid\" } }]",
            "metrics = { extractor = \"alexnet\", metrics = [\"kid\", \"ssim\"], kid_subset = 50, lpips = \"vgg16\" }",
            "metrics = { extractor = { network = \"torchscript\", weights = { path = \"w.pt\" }, \
             input_size = [32, 32], normalise = \"unit\" }, intervals = true }",
            "copying = true\nplausibility = false",
            "copying = { planted = 5, pixels_only = true, pairs = 4, seed = 3, false_alarm_rate = 0.05 }",
            "plausibility = { false_alarms = 0.1 }\nseed = 4",
        ] {
            read_with(what, "preset = \"small\"\nsteps = 5\nno_batch_norm = true\nseeds = [1, 2]")
                .unwrap();
        }
    }

    #[test]
    fn what_a_stage_does_not_know_is_refused_with_its_place_before_anything_starts() {
        for (what, unet, parts) in [
            ("", "steps = 0", &[":11:1: [unet]: segment:", "0 steps", "at least 1"][..]),
            ("", "step = 5", &[":11:1:", "unknown field `step`"]),
            ("", "learning_rate = -1.0", &[":11:1:", "learning rate -1"]),
            ("", "filters = 0", &[":11:1:", "0 filters"]),
            ("distance = [\"unett\"]", "", &[":8:1: [best]: distance:", "unett", "inception"]),
            ("distance = [{ biased = true }]", "", &["extractor"]),
            ("metrics = { extractor = \"unet\", metrics = [\"fidd\"] }", "", &["fidd", "kid"]),
            ("metrics = { extractor = \"unet\", metrics = [] }", "", &["none named"]),
            ("distance = [\"torchscript\"]", "", &["--weights", "TorchScript file"]),
            (
                "distance = [{ extractor = { network = \"torchscript\", weights = { path = \"x.pt\" } } }]",
                "",
                &["x.pt", "cannot be read"],
            ),
            ("copying = { planted = 0 }", "", &["[best]: copying:", "at least 1"]),
            ("copying = 3", "", &[":10:11:", "expected true, false or a table"]),
            ("distance = [3]", "", &[":10:12:", "expected the name of a network"]),
            ("plausibility = { false_alarms = 0.7 }", "", &["0.7", "between 0 and 0.5"]),
        ] {
            let error = format!("{:#}", read_with(what, unet).unwrap_err());
            assert!(!error.contains('\n'), "{error}");
            assert!(error.contains("study.toml"), "{error}");
            for part in parts {
                assert!(error.contains(part), "{what} {unet}: `{error}` lacks `{part}`");
            }
        }
    }

    #[test]
    fn truncation_is_refused_where_it_means_nothing() {
        let read_with = |gan: &str| {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("study.toml");
            let text = STUDY.replace("WHAT", "").replace("UNET", "");
            std::fs::write(&path, text.replace("{ preset = \"dcgan\" }", gan)).unwrap();
            read(&path).map(|study| study.gan[0].truncation())
        };
        assert_eq!(read_with("{ preset = \"stylegan2\", truncation = 0.7 }").unwrap(), 0.7);
        assert_eq!(read_with("{ preset = \"stylegan2\" }").unwrap(), 1.0);
        for (gan, parts) in [
            ("{ preset = \"dcgan\", truncation = 0.7 }", [":5:41:", "no mean style"]),
            ("{ preset = \"stylegan\", truncation = 1.5 }", [":5:44:", "expected 0 to 1"]),
            ("{ preset = \"stylegan\", truncation = nan }", [":5:44:", "expected 0 to 1"]),
            ("{ preset = \"lsgan\", training_styles = true }", [":5:46:", "no style encoder"]),
        ] {
            let error = format!("{:#}", read_with(gan).unwrap_err());
            for part in parts {
                assert!(error.contains(part), "{gan}: `{error}` lacks `{part}`");
            }
        }
    }
}
