//! Which hyperparameters matter, of trials with their settings: functional ANOVA of each GAN's trials, and of all GANs
//! together with the GAN as one more setting.

use crate::evidence::trials::Trial;
use std::collections::{BTreeMap, BTreeSet};
use vesalius_statistics::fanova::{Importance, importance, ordered_levels};
use vesalius_statistics::forest::{MOST_LEVELS, Rows, Setting};

/// Fewer trials with a number say nothing of several settings.
pub const FEWEST: usize = 10;

/// The settings that vary among some trials, the most important first. Settings that always vary together are one, with
/// all their paths. Nothing for fewer than [`FEWEST`] trials, or where nothing varies.
pub fn ranked(
    trials: &[&Trial],
    of: impl Fn(&Trial) -> Option<f64>,
    gan_too: bool,
) -> Option<Vec<(String, Importance)>> {
    let (trials, targets): (Vec<&Trial>, Vec<f64>) =
        trials.iter().filter_map(|trial| Some((*trial, of(trial)?))).unzip();
    if trials.len() < FEWEST {
        return None;
    }
    let gans: Vec<String> = trials.iter().map(|trial| trial.gan.to_string()).collect();
    let mut columns: Vec<(String, Vec<&str>)> = vec![];
    if gan_too {
        columns.push(("GAN".to_owned(), gans.iter().map(String::as_str).collect()));
    }
    for path in trials[0].settings.keys() {
        // Conditional settings, which some trials lack, are no dimension of all trials.
        let column: Option<Vec<&str>> =
            trials.iter().map(|trial| Some(trial.settings.get(path)?.as_str())).collect();
        columns.extend(column.map(|column| (path.clone(), column)));
    }
    let mut names: Vec<String> = vec![];
    let mut settings: Vec<Setting> = vec![];
    let mut levels: Vec<Vec<usize>> = vec![];
    let mut known: BTreeMap<Vec<usize>, usize> = BTreeMap::new();
    for (name, column) in columns {
        let Some((setting, values)) = numbered(&column) else { continue };
        if let Some(&same) = known.get(&partition(&values)) {
            // What only tells the GANs apart is theirs: a loss, a network.
            if !(gan_too && same == 0) {
                names[same] = format!("{}, {name}", names[same]);
            }
            continue;
        }
        known.insert(partition(&values), names.len());
        names.push(name);
        settings.push(setting);
        levels.push(values);
    }
    let values: Vec<Vec<usize>> =
        (0..trials.len()).map(|row| levels.iter().map(|column| column[row]).collect()).collect();
    let found = importance(Rows { settings: &settings, values: &values, targets: &targets })?;
    let mut ranked: Vec<(String, Importance)> = names.into_iter().zip(found).collect();
    ranked.sort_by(|a, b| b.1.share.total_cmp(&a.1.share));
    Some(ranked)
}

/// A column as a setting: numbers in their order, words without one. Nothing for what does not vary, or has more words
/// than a tree tells apart.
fn numbered(column: &[&str]) -> Option<(Setting, Vec<usize>)> {
    let words: BTreeSet<&str> = column.iter().copied().collect();
    if words.len() < 2 {
        return None;
    }
    let numbers: Option<Vec<f64>> =
        column.iter().map(|word| word.parse().ok().filter(|n: &f64| n.is_finite())).collect();
    if let Some(numbers) = numbers {
        return Some(ordered_levels(&numbers)).filter(|(setting, _)| setting.levels > 1);
    }
    let place: BTreeMap<&str, usize> =
        words.iter().enumerate().map(|(i, word)| (*word, i)).collect();
    let setting = Setting { levels: words.len(), ordered: false };
    (words.len() <= MOST_LEVELS).then(|| (setting, column.iter().map(|word| place[word]).collect()))
}

/// Which rows share a value, whatever it is called: values numbered as they come.
fn partition(values: &[usize]) -> Vec<usize> {
    let mut place = BTreeMap::new();
    let of = |value: &usize| {
        let next = place.len();
        *place.entry(*value).or_insert(next)
    };
    values.iter().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_data::pack::row::RowId;

    fn trial<'a>(gan: &'a RowId, settings: &[(&str, String)], distance: f64) -> Trial<'a> {
        let settings = settings.iter().map(|(path, value)| ((*path).to_owned(), value.clone()));
        let settings = settings.collect();
        Trial { gan, settings, distance: Some(distance), dice: None, diverged: false, secs: 1.0 }
    }

    #[test]
    fn what_decides_the_distance_comes_first_and_linked_settings_are_one() {
        let wgan = RowId::of("wgan");
        let of = |i: usize| {
            let rate = [1e-4, 1e-3][i % 2].to_string();
            let word = ["relu", "elu", "selu"][i / 2 % 3].to_owned();
            let settings = [
                ("rate_g", rate.clone()),
                ("rate_d", rate),
                ("word", word),
                ("same", "1".to_owned()),
            ];
            trial(&wgan, &settings, (i % 2) as f64 * 5.0 + (i / 2 % 3) as f64 * 0.1)
        };
        let trials: Vec<Trial> = (0..24).map(of).collect();
        let all: Vec<&Trial> = trials.iter().collect();
        let found = ranked(&all, |trial| trial.distance, false).unwrap();
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["rate_d, rate_g", "word"]);
        assert!(found[0].1.share > 0.95, "{found:?}");
        assert_eq!(ranked(&all[..FEWEST - 1], |trial| trial.distance, false), None);
    }

    #[test]
    fn the_gan_stands_for_what_only_tells_gans_apart() {
        let gans = ["wgan", "dcgan"].map(RowId::of);
        let of = |i: usize| {
            let gan = &gans[i % 2];
            let rate = [1e-4, 1e-3][i / 2 % 2].to_string();
            trial(gan, &[("loss", gan.to_string()), ("rate", rate)], (i % 2) as f64)
        };
        let trials: Vec<Trial> = (0..16).map(of).collect();
        let all: Vec<&Trial> = trials.iter().collect();
        let found = ranked(&all, |trial| trial.distance, true).unwrap();
        assert_eq!((found.len(), found[0].0.as_str(), found[1].0.as_str()), (2, "GAN", "rate"));
    }
}
