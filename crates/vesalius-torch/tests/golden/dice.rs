//! Dice of label maps against nnU-Net's evaluation and MONAI's metric: `golden/plausibility.py`.

use super::{assert_close, golden, numbers};
use serde_json::Value;
use vesalius_torch::metrics::dice::{Evaluation, SliceCount, count};

/// Label maps from runs `[label, length, …]`.
fn maps(value: &Value) -> Vec<Vec<u8>> {
    let expand = |runs: &Value| {
        numbers(runs)
            .chunks_exact(2)
            .flat_map(|run| std::iter::repeat_n(run[0] as u8, run[1] as usize))
            .collect()
    };
    value.as_array().unwrap().iter().map(expand).collect()
}

/// Per case and class; `None` where the package gave NaN.
fn table(value: &Value) -> Vec<Vec<Option<f64>>> {
    let row = |row: &Value| row.as_array().unwrap().iter().map(Value::as_f64).collect();
    value.as_array().unwrap().iter().map(row).collect()
}

#[test]
fn dice_is_nnunets() {
    let golden = &golden("plausibility")["dice"];
    let (predictions, references) = (maps(&golden["predictions"]), maps(&golden["references"]));
    let slices: Vec<SliceCount> = predictions
        .iter()
        .zip(&references)
        .enumerate()
        .map(|(i, (predicted, reference))| SliceCount {
            patient: i.to_string(),
            case: i.to_string(),
            overlaps: count(predicted, reference, 4),
        })
        .collect();
    let found: Vec<Vec<Option<f64>>> = slices
        .iter()
        .map(|slice| slice.overlaps[1..].iter().map(|overlap| overlap.dice()).collect())
        .collect();
    for (found, expected) in found.iter().flatten().zip(table(&golden["nnunet"]).iter().flatten()) {
        assert_eq!(found.is_some(), expected.is_some(), "counted by one and not by the other");
        // The same division of whole numbers; the reader of the JSON may miss the last digit.
        let (found, expected) = (found.unwrap_or_default(), expected.unwrap_or_default());
        assert_close("case", &[found], &[expected], 0.0, 1e-15);
    }
    assert_eq!(found.len(), table(&golden["nnunet"]).len());
    let summary = Evaluation::new(slices, 4).per_volume();
    let means: Vec<f64> = summary.classes.iter().map(|mean| mean.unwrap()).collect();
    assert_close("means", &means, &numbers(&golden["nnunet_means"]), 0.0, 1e-15);
    let mean = numbers(&golden["nnunet_foreground_mean"]);
    assert_close("foreground mean", &[summary.mean.unwrap()], &mean, 0.0, 1e-15);
}

#[test]
fn monai_differs_where_the_reference_is_empty_and_nowhere_else() {
    let golden = &golden("plausibility")["dice"];
    let (predictions, references) = (maps(&golden["predictions"]), maps(&golden["references"]));
    let monai = table(&golden["monai"]);
    let mut differ = 0;
    for ((predicted, reference), monai) in predictions.iter().zip(&references).zip(&monai) {
        for (overlap, &monai) in count(predicted, reference, 4)[1..].iter().zip(monai) {
            match (overlap.dice(), monai) {
                (Some(found), Some(monai)) => {
                    // MONAI computes in f32.
                    assert!((found - monai).abs() < 1e-6, "{found} {monai}");
                }
                (None, None) => assert_eq!(overlap.reference + overlap.predicted, 0),
                // Predicted on an empty reference: 0 with us and nnU-Net, left out by MONAI.
                (Some(found), None) => {
                    assert_eq!((found, overlap.reference), (0.0, 0));
                    differ += 1;
                }
                (None, Some(monai)) => panic!("MONAI counts {monai} where both are empty"),
            }
        }
    }
    assert_eq!(differ, 1, "the maps have one such case");
}
