use super::*;
use crate::turing::Rating;

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("../../../../../golden/turing.json")).unwrap()
}

fn number(value: &serde_json::Value) -> f64 {
    value.as_f64().unwrap()
}

/// The readings of the golden file: rows of [picture, synthetic, called synthetic, confidence] per reader.
fn readings(golden: &serde_json::Value) -> Vec<Reading> {
    let kind = |is_synthetic: bool| if is_synthetic { Kind::Synthetic } else { Kind::Real };
    let readers = golden["readers"].as_array().unwrap().iter().enumerate();
    readers
        .map(|(i, reader)| {
            let rows = reader["rows"].as_array().unwrap().iter().enumerate();
            let judged = rows.map(|(place, row)| {
                let at = |j: usize| row[j].as_i64().unwrap();
                Judged {
                    picture: at(0),
                    kind: kind(at(1) == 1),
                    slice: at(0) as usize,
                    place,
                    rating: Rating { verdict: kind(at(2) == 1), confidence: at(3) as u8 },
                    viewed_ms: 1000 * (1 + place as u32 % 9),
                }
            });
            Reading { reader: format!("reader {}", i + 1), judged: judged.collect() }
        })
        .collect()
}

#[test]
fn scores_of_readers_are_those_of_scipy_and_scikit_learn() {
    let golden = golden();
    let scores = scores(&readings(&golden), 1);
    let close = |found: f64, expected: &serde_json::Value| {
        assert!((found - number(expected)).abs() < 1e-12, "{found} {expected}");
    };
    for (i, reader) in golden["readers"].as_array().unwrap().iter().enumerate() {
        let of = Part::Reader(format!("reader {}", i + 1));
        let score = |metric: &str| {
            scores.iter().find(|s| s.metric == metric && s.of.as_ref() == Some(&of)).unwrap()
        };
        for name in ["accuracy", "sensitivity", "specificity", "d_prime", "auc"] {
            close(score(&format!("turing_{name}")).value, &reader[name]);
        }
        for name in ["accuracy", "sensitivity", "specificity"] {
            let [low, high] = score(&format!("turing_{name}")).interval.unwrap();
            close(low, &reader[format!("{name}_interval")][0]);
            close(high, &reader[format!("{name}_interval")][1]);
        }
        for name in ["d_prime", "auc"] {
            let score = score(&format!("turing_{name}"));
            let [low, high] = score.interval.unwrap();
            assert!(low < score.value && score.value < high, "{low} {} {high}", score.value);
        }
    }
    let kappa = scores.iter().find(|s| s.metric == "turing_kappa").unwrap();
    close(kappa.value, &golden["kappa"]);
    assert!(kappa.protocol.contains("on the 24 pictures"), "{}", kappa.protocol);
    let [low, high] = kappa.interval.unwrap();
    assert!(low < kappa.value && kappa.value < high);
}

#[test]
fn normal_quantiles_are_scipys() {
    for pair in golden()["quantiles"].as_array().unwrap() {
        let found = vesalius_statistics::normal::quantile(number(&pair[0]));
        assert!(
            (found - number(&pair[1])).abs() < 1e-14 * number(&pair[1]).abs().max(1.0),
            "{pair} {found}"
        );
    }
}

#[test]
fn the_interval_over_readers_covers_readers_and_pictures() {
    let readings = readings(&golden());
    let of = |readings: &[Reading]| {
        let scores = scores(readings, 1);
        scores.iter().find(|s| s.metric == "turing_accuracy" && s.of.is_none()).unwrap().clone()
    };
    let all = of(&readings);
    let [low, high] = all.interval.unwrap();
    assert!(low < all.value && all.value < high, "{low} {} {high}", all.value);
    assert!(all.protocol.contains("with few readers"), "{}", all.protocol);
    // One reader alone: about Wilson's width.
    let one = of(&readings[..1]);
    let [low, high] = one.interval.unwrap();
    let n = readings[0].judged.len() as f64;
    let expected = 2.0 * 1.96 * (one.value * (1.0 - one.value) / n).sqrt();
    assert!(((high - low) / expected - 1.0).abs() < 0.15, "{low} {high} {expected}");
}

#[test]
fn the_most_convincing_are_those_that_were_surely_taken_for_real() {
    let judged = |picture: i64, verdict: Kind, confidence: u8| Judged {
        picture,
        kind: Kind::Synthetic,
        slice: picture as usize,
        place: 0,
        rating: Rating { verdict, confidence },
        viewed_ms: 1,
    };
    let reading = |judged| Reading { reader: "a".into(), judged };
    let found = opinions(&[
        reading(vec![judged(1, Kind::Real, 2), judged(2, Kind::Synthetic, 5)]),
        reading(vec![judged(1, Kind::Real, 4), judged(2, Kind::Real, 1), judged(3, Kind::Real, 4)]),
    ]);
    let order: Vec<(i64, f64, usize)> =
        found.iter().map(|o| (o.picture, o.rating, o.called_synthetic)).collect();
    assert_eq!(order, [(3, -4.0, 0), (1, -3.0, 0), (2, 2.0, 1)]);
}
