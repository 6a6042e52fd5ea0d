//! From answers to numbers: how well readers tell real images from synthetic ones, and how far they agree.
//!
//! "Signal" is a synthetic image: sensitivity is the share of synthetic images that were called synthetic, specificity
//! the
//! share of real ones that were called real.

use super::Kind;
use super::store::Judged;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use std::collections::{BTreeMap, BTreeSet};
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_statistics::agreement::fleiss;
use vesalius_statistics::detection::{Ratings, level};
use vesalius_statistics::proportion::wilson;
use vesalius_statistics::resample::{interval, quantile};

/// A reader and the answers that count.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Name.
    pub reader: String,
    /// In the order of the images.
    pub judged: Vec<Judged>,
}

/// What readers thought of one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Opinion {
    /// Row of the picture.
    pub picture: i64,
    /// What it is.
    pub kind: Kind,
    /// Number of the slice in its pack.
    pub slice: usize,
    /// Readers who saw it.
    pub readers: usize,
    /// Of those, how many took it for synthetic.
    pub called_synthetic: usize,
    /// Mean of confidences, those for "real" counted below 0: −5 (all sure that it is real) to 5.
    pub rating: f64,
}

/// A statistic of ratings: name, function.
type Statistic = (&'static str, fn(&Ratings) -> Option<f64>);

/// What is computed of each reader and of all.
const STATISTICS: [Statistic; 5] = [
    ("turing_accuracy", Ratings::accuracy),
    ("turing_sensitivity", Ratings::sensitivity),
    ("turing_specificity", Ratings::specificity),
    ("turing_d_prime", Ratings::d_prime),
    ("turing_auc", Ratings::auc),
];

/// All scores: over readers, then reader by reader. Intervals are at 95 %. `seed`: of the bootstrap.
pub fn scores(readings: &[Reading], seed: u64) -> Vec<Score> {
    let mut scores = vec![];
    let images: usize = readings.iter().map(|reading| reading.judged.len()).sum();
    let who = match readings.len() {
        1 => "1 reader".to_owned(),
        n => format!("{n} readers"),
    };
    for (metric, statistic) in STATISTICS {
        let each: Option<Vec<f64>> =
            readings.iter().map(|reading| statistic(&ratings(&reading.judged))).collect();
        if let Some(each) = each.filter(|each| !each.is_empty()) {
            let protocol = format!(
                "visual Turing test, {who}, {images} answers; mean over readers; bootstrap over readers and pictures, each \
                 drawn with replacement (Owen 2007){}{}",
                if readings.len() < 5 { "; with few readers too narrow on their side" } else { "" },
                remark(metric)
            );
            let value = each.iter().sum::<f64>() / each.len() as f64;
            let interval = interval_over_readers(readings, statistic, seed);
            scores
                .push(counted(Score { interval, ..Score::new(metric, value, protocol) }, readings));
        }
    }
    let (common, table) = common(readings);
    if let Some(value) = fleiss(&table) {
        let protocol = format!(
            "visual Turing test, {who}; Fleiss' kappa of real/synthetic on the {common} pictures that all of them judged; \
             bootstrap over pictures"
        );
        let interval = interval(table.len(), seed, |drawn| {
            fleiss(&drawn.iter().map(|&i| table[i]).collect::<Vec<_>>())
        });
        scores.push(Score { interval, ..Score::new("turing_kappa", value, protocol) });
    }
    if let Some(score) = secs(readings.iter().flat_map(|reading| &reading.judged), &who) {
        scores.push(score);
    }
    for reading in readings {
        scores.extend(of_reader(reading, seed));
    }
    scores
}

/// Scores of one reader.
fn of_reader(reading: &Reading, seed: u64) -> Vec<Score> {
    let ratings = ratings(&reading.judged);
    let [real, synthetic] = ratings.images().map(|n| n as usize);
    let [alarms, hits] = ratings.called_signal().map(|n| n as usize);
    let of = Some(Part::Reader(reading.reader.clone()));
    let mut scores = vec![];
    for (metric, statistic) in STATISTICS {
        let Some(value) = statistic(&ratings) else { continue };
        let share = match metric {
            "turing_accuracy" => Some((ratings.right() as usize, real + synthetic)),
            "turing_sensitivity" => Some((hits, synthetic)),
            "turing_specificity" => Some((real - alarms, real)),
            _ => None,
        };
        let (interval, how) = if let Some((right, n)) = share {
            (wilson(right, n), "Wilson's interval")
        } else {
            let resampled = interval(reading.judged.len(), seed, |drawn| {
                let mut ratings = Ratings::default();
                for &i in drawn {
                    add(&mut ratings, &reading.judged[i], 1);
                }
                statistic(&ratings)
            });
            (resampled, "bootstrap over images")
        };
        let protocol = format!("visual Turing test, one reader; {how}{}", remark(metric));
        let score = Score { interval, of: of.clone(), ..Score::new(metric, value, protocol) };
        scores.push(Score { real_count: Some(real), synthetic_count: Some(synthetic), ..score });
    }
    scores.extend(secs(&reading.judged, "one reader").map(|score| Score { of, ..score }));
    scores
}

fn remark(metric: &str) -> &'static str {
    match metric {
        "turing_sensitivity" => "; share of synthetic images called synthetic",
        "turing_specificity" => "; share of real images called real",
        "turing_d_prime" => "; rates (k + 0.5)/(n + 1) (Hautus 1995)",
        "turing_auc" => "; of the 10 levels of verdict and confidence",
        _ => "",
    }
}

fn counted(score: Score, readings: &[Reading]) -> Score {
    let distinct = |kind: Kind| {
        let judged = readings.iter().flat_map(|reading| &reading.judged);
        let pictures = judged.filter(|judged| judged.kind == kind).map(|judged| judged.picture);
        Some(pictures.collect::<BTreeSet<i64>>().len())
    };
    let (real_count, synthetic_count) = (distinct(Kind::Real), distinct(Kind::Synthetic));
    Score { real_count, synthetic_count, ..score }
}

/// Median time until the first answer, with its quartiles in the protocol.
fn secs<'a>(judged: impl IntoIterator<Item = &'a Judged>, who: &str) -> Option<Score> {
    let mut secs: Vec<f64> =
        judged.into_iter().map(|judged| f64::from(judged.viewed_ms) / 1000.0).collect();
    if secs.is_empty() {
        return None;
    }
    secs.sort_by(f64::total_cmp);
    let protocol = format!(
        "visual Turing test, {who}; median over {} answers of the seconds that an image was in sight before its first \
         answer; quartiles {:.1} and {:.1}",
        secs.len(),
        quantile(&secs, 0.25),
        quantile(&secs, 0.75)
    );
    Some(Score::new("turing_secs", quantile(&secs, 0.5), protocol))
}

fn add(ratings: &mut Ratings, judged: &Judged, times: u32) {
    let signal = judged.rating.verdict == Kind::Synthetic;
    let level = level(signal, judged.rating.confidence);
    ratings.add(judged.kind == Kind::Synthetic, level, times);
}

fn ratings(judged: &[Judged]) -> Ratings {
    let mut ratings = Ratings::default();
    for judged in judged {
        add(&mut ratings, judged, 1);
    }
    ratings
}

/// Bootstrap of the mean over readers: pictures and readers are drawn with replacement (the pigeonhole bootstrap), so
/// that a
/// hard picture that all saw is drawn for all. Of one reader, pictures alone.
fn interval_over_readers(
    readings: &[Reading],
    statistic: fn(&Ratings) -> Option<f64>,
    seed: u64,
) -> Option<[f64; 2]> {
    let all = readings.iter().flat_map(|reading| &reading.judged).map(|judged| judged.picture);
    let pictures: BTreeSet<i64> = all.collect();
    let places: BTreeMap<i64, usize> =
        pictures.iter().enumerate().map(|(place, &picture)| (picture, place)).collect();
    let mut rng = ChaCha8Rng::seed_from_u64(seed ^ 0x7265_6164); // not the pictures' stream
    let mut times = vec![0_u32; pictures.len()];
    interval(pictures.len(), seed, |drawn| {
        times.fill(0);
        for &place in drawn {
            times[place] += 1;
        }
        let mut sum = 0.0;
        for _ in readings {
            let reading = &readings[rng.random_range(0..readings.len())];
            let mut ratings = Ratings::default();
            for judged in &reading.judged {
                add(&mut ratings, judged, times[places[&judged.picture]]);
            }
            sum += statistic(&ratings)?;
        }
        Some(sum / readings.len() as f64)
    })
}

/// Pictures that every reader judged: their number, and of each how many called it real and how many synthetic.
fn common(readings: &[Reading]) -> (usize, Vec<[usize; 2]>) {
    let mut votes: BTreeMap<i64, [usize; 2]> = BTreeMap::new();
    for judged in readings.iter().flat_map(|reading| &reading.judged) {
        let synthetic = judged.rating.verdict == Kind::Synthetic;
        votes.entry(judged.picture).or_default()[usize::from(synthetic)] += 1;
    }
    let full = |row: &[usize; 2]| row.iter().sum::<usize>() == readings.len();
    let table: Vec<[usize; 2]> = votes.into_values().filter(full).collect();
    (table.len(), table)
}

/// What readers thought of each picture, most surely real first.
pub fn opinions(readings: &[Reading]) -> Vec<Opinion> {
    let mut found: BTreeMap<i64, Opinion> = BTreeMap::new();
    for judged in readings.iter().flat_map(|reading| &reading.judged) {
        let synthetic = judged.rating.verdict == Kind::Synthetic;
        let confidence = f64::from(judged.rating.confidence);
        let opinion = found.entry(judged.picture).or_insert(Opinion {
            picture: judged.picture,
            kind: judged.kind,
            slice: judged.slice,
            readers: 0,
            called_synthetic: 0,
            rating: 0.0,
        });
        opinion.readers += 1;
        opinion.called_synthetic += usize::from(synthetic);
        opinion.rating += if synthetic { confidence } else { -confidence };
    }
    let mut opinions: Vec<Opinion> = found.into_values().collect();
    for opinion in &mut opinions {
        opinion.rating /= opinion.readers as f64;
    }
    opinions.sort_by(|a, b| a.rating.total_cmp(&b.rating).then(a.slice.cmp(&b.slice)));
    opinions
}

#[cfg(test)]
mod tests;
