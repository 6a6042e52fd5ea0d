//! Lesions and ejection fractions of volumes whose numbers are known.

use super::*;

const SHAPE: [usize; 3] = [1, 4, 8];

/// A volume whose masks are the first pixels of a row each: so many of class 1 in the reference and in the prediction.
fn volume(patient: &str, case: &str, [reference, prediction]: [usize; 2]) -> Volume {
    let map = |count: usize| (0..32).map(|i| u8::from(i < count)).collect();
    Volume {
        patient: patient.to_owned(),
        case: case.to_owned(),
        shape: SHAPE,
        spacing_mm: Some([10.0, 10.0]),
        between_mm: Some(10.0),
        reference: map(reference),
        prediction: map(prediction),
    }
}

fn found(volumes: &[Volume], class: &str) -> Vec<Score> {
    let classes = ["background".to_owned(), class.to_owned()];
    let made = Made { own: String::new(), seedless: String::new() };
    scores(volumes, &classes, &Rules::default(), &made, 1).unwrap()
}

fn value(scores: &[Score], metric: &str) -> Option<f64> {
    scores.iter().find(|score| score.metric == metric).map(|score| score.value)
}

#[test]
fn ejection_fractions_are_of_pairs_of_volumes_the_larger_one_first() {
    let volumes = [
        // Reference 20 → 10: 50 %; predicted 16 → 4: 75 %.
        volume("a", "1", [10, 4]),
        volume("a", "2", [20, 16]),
        // 20 → 5: 75 %; 20 → 10: 50 %.
        volume("b", "1", [20, 20]),
        volume("b", "2", [5, 10]),
        // Once: none.
        volume("c", "1", [9, 9]),
        // Nothing predicted at the end of diastole: none.
        volume("d", "1", [12, 0]),
        volume("d", "2", [6, 6]),
    ];
    let scores = found(&volumes, "LV cavity");
    let bias = scores.iter().find(|score| score.metric == "ejection_bias").unwrap();
    assert_eq!((bias.value, bias.real_count), (0.0, Some(2)));
    let reach = 1.96 * 1250.0_f64.sqrt();
    assert!((value(&scores, "ejection_bias_high").unwrap() - reach).abs() < 1e-9);
    // Of 1 ml each: 7 volumes.
    let bias = value(&scores, "volume_bias_ml").unwrap();
    assert!((bias - (4.0 - 10.0 + 16.0 - 20.0 + 5.0 - 12.0) / 7.0).abs() < 1e-9, "{bias}");
    assert_eq!(value(&found(&volumes, "liver"), "ejection_bias"), None);
}

#[test]
fn lesions_are_counted_where_a_class_comes_in_pieces() {
    let pieces = |pixels: &[usize], predicted: &[usize]| {
        let map = |pixels: &[usize]| (0..32).map(|i| u8::from(pixels.contains(&i))).collect();
        Volume { reference: map(pixels), prediction: map(predicted), ..volume("a", "1", [0, 0]) }
    };
    // Of three pieces two are found, beside one false alarm; then two of two.
    let volumes = [
        pieces(&[0, 3, 24], &[0, 24, 31]),
        Volume { patient: "b".into(), ..pieces(&[0, 3], &[0, 3]) },
    ];
    let scores = found(&volumes, "lesion");
    assert!((value(&scores, "lesion_f1").unwrap() - f64::midpoint(2.0 / 3.0, 1.0)).abs() < 1e-12);
    assert_eq!(value(&scores, "lesion_count_difference"), Some(0.0));
    // One piece each: Dice says it all.
    assert_eq!(value(&found(&[volume("a", "1", [4, 4])], "organ"), "lesion_f1"), None);
}
