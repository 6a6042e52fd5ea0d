//! nnU-Net's augmentation against batchgeneratorsv2's own numbers (golden/augment.py).

use super::pseudo::tensor;
use super::{assert_close, golden, numbers, values};
use serde_json::Value;
use tch::{Device, Kind, Tensor};
use vesalius_torch::augment::nnunet::{intensity, spatial};
use vesalius_torch::pairs::batch::Pair;

const SHAPE: [i64; 4] = [1, 2, 16, 12];
const CLASSES: i64 = 4;

fn image() -> Tensor {
    tensor("augment.image", &SHAPE, 1.0)
}

fn labels(value: &Value) -> Tensor {
    let labels: Vec<i64> = numbers(value).into_iter().map(|label| label as i64).collect();
    Tensor::from_slice(&labels).reshape([1, 16, 12])
}

fn strengths(value: &Value) -> Tensor {
    intensity::per_channel(std::iter::once(numbers(value).as_slice()), Device::Cpu)
}

fn assert_image(what: &str, found: &Tensor, expected: &Value) {
    assert_eq!(found.size(), SHAPE);
    assert_close(what, &values(&found.contiguous()), &numbers(&expected["image"]), 2e-5, 2e-6);
}

#[test]
fn slices_and_labels_are_moved_as_batchgenerators_moves_them() {
    let golden = golden("augment");
    let pair = || Pair { image: image(), labels: labels(&golden["labels"]) };
    for expected in golden["spatial"].as_array().unwrap() {
        let [angle, scale] = ["angle", "scale"].map(|name| expected[name].as_f64().unwrap());
        let map = spatial::Map { angle, scales: [scale; 2] };
        let moved = spatial::transform(&pair(), &[Some(map)], CLASSES);
        let what = format!("angle {angle}, scale {scale}");
        assert_image(&what, &moved.image, expected);
        assert_eq!(moved.labels, labels(&expected["labels"]), "{what}");
    }
    for expected in golden["mirror"].as_array().unwrap() {
        let axes = numbers(&expected["axes"]);
        let turned = spatial::mirror(&pair(), &[[0.0, 1.0].map(|axis| axes.contains(&axis))]);
        assert_image("mirror", &turned.image, expected);
        assert_eq!(turned.labels, labels(&expected["labels"]));
    }
}

#[test]
fn volumes_are_turned_blurred_and_made_coarse_as_batchgenerators_does_it() {
    let golden = &golden("augment")["volume"];
    let size = [1, 2, 9, 16, 12];
    let image = tensor("augment.volume", &size, 1.0);
    let of = |value: &Value| {
        let labels: Vec<i64> = numbers(value).into_iter().map(|label| label as i64).collect();
        Tensor::from_slice(&labels).reshape([1, 9, 16, 12])
    };
    let some = |x: &Tensor| {
        let every = |x: &Tensor, axis: i64, step: i64| x.slice(axis, None, None, step);
        values(&every(&every(&every(x, 2, 2), 3, 3), 4, 3).contiguous())
    };
    for expected in golden["turns"].as_array().unwrap() {
        let angles: [f64; 3] = numbers(&expected["angles"]).try_into().unwrap();
        let turn = spatial::Turn { angles, scale: expected["scale"].as_f64().unwrap() };
        let pair = Pair { image: image.shallow_clone(), labels: of(&golden["labels"]) };
        let moved = spatial::transform_volumes(&pair, &[Some(turn)], CLASSES);
        let expected_image = numbers(&expected["image"]);
        assert_close(&format!("{turn:?}"), &some(&moved.image), &expected_image, 2e-5, 2e-6);
        assert_eq!(moved.labels, of(&expected["labels"]), "{turn:?}");
    }
    let sigmas: Vec<Vec<f64>> =
        golden["blur"]["sigmas"].as_array().unwrap().iter().map(numbers).collect();
    let along = |axis: usize| {
        let row: Vec<f64> = sigmas.iter().map(|of| of[axis]).collect();
        intensity::per_channel(std::iter::once(row.as_slice()), Device::Cpu)
    };
    // Across planes, then along columns and rows of each.
    let across = intensity::blur_along(&image.reshape([1, 2, 9, 16 * 12]), &along(0), 0);
    let planes = across.reshape([2, 9, 16, 12]).permute([1, 0, 2, 3]).contiguous();
    let each = |axis: usize| along(axis).repeat([9, 1, 1, 1]);
    let blurred = intensity::blur(&planes, [&each(1), &each(2)]).permute([1, 0, 2, 3]).unsqueeze(0);
    assert_close("blur", &some(&blurred), &numbers(&golden["blur"]["image"]), 2e-5, 2e-6);
    let shares = numbers(&golden["low_resolution"]["shares"]);
    let coarse = intensity::low_resolution(&image, &[&shares]);
    let expected = numbers(&golden["low_resolution"]["image"]);
    assert_close("low resolution", &some(&coarse), &expected, 2e-5, 2e-6);
}

#[test]
fn of_a_batch_only_the_slices_that_were_drawn_are_moved() {
    let golden = golden("augment");
    let one = Pair { image: image(), labels: labels(&golden["labels"]) };
    let three = |t: &Tensor| Tensor::cat(&[t, t, t], 0);
    let batch = Pair { image: three(&one.image), labels: three(&one.labels) };
    let map = Some(spatial::Map { angle: 1.1, scales: [1.25; 2] });
    let moved = spatial::transform(&batch, &[None, map, None], CLASSES);
    let alone = spatial::transform(&one, &[map], CLASSES);
    for (i, expected) in [&one, &alone, &one].into_iter().enumerate() {
        assert_eq!(moved.image.narrow(0, i as i64, 1), expected.image);
        assert_eq!(moved.labels.narrow(0, i as i64, 1), expected.labels);
    }
}

#[test]
fn grey_values_are_changed_as_batchgenerators_changes_them() {
    let golden = golden("augment");
    let blur = &golden["blur"];
    let of = |axis: usize| {
        let sigmas: Vec<f64> =
            (0..2).map(|channel| numbers(&blur["sigmas"][channel])[axis]).collect();
        intensity::per_channel(std::iter::once(sigmas.as_slice()), Device::Cpu)
    };
    assert_image("blur", &intensity::blur(&image(), [&of(0), &of(1)]), blur);
    let part = &golden["brightness"];
    assert_image("brightness", &(image() * strengths(&part["factors"])), part);
    let part = &golden["contrast"];
    assert_image("contrast", &intensity::contrast(&image(), &strengths(&part["factors"])), part);
    let part = &golden["low_resolution"];
    let shares = numbers(&part["shares"]);
    assert_image("low resolution", &intensity::low_resolution(&image(), &[&shares]), part);
    let part = &golden["gamma"];
    assert_image("gamma", &intensity::gamma(&image(), &strengths(&part["gammas"])), part);
    let part = &golden["inverted_gamma"];
    let inverted = -intensity::gamma(&-image(), &strengths(&part["gammas"]));
    assert_image("inverted gamma", &inverted, part);
}

#[test]
fn neutral_strengths_change_nothing_and_a_flat_image_stays_a_number() {
    let neutral = |value: f64| Tensor::full([1, 2, 1, 1], value, (Kind::Float, Device::Cpu));
    for image in [image(), Tensor::full(SHAPE, 0.25, (Kind::Float, Device::Cpu))] {
        let apart = |changed: Tensor| (changed - &image).abs().max().double_value(&[]);
        assert_eq!(apart(intensity::noise(&image, &neutral(0.0))), 0.0);
        assert_eq!(apart(intensity::blur(&image, [&neutral(0.0), &neutral(0.0)])), 0.0);
        assert_eq!(apart(intensity::contrast(&image, &neutral(1.0))), 0.0);
        assert_eq!(apart(intensity::gamma(&image, &neutral(1.0))), 0.0);
        assert_eq!(apart(intensity::low_resolution(&image, &[&[1.0, 1.0]])), 0.0);
    }
    let flat = Tensor::full(SHAPE, 0.25, (Kind::Float, Device::Cpu));
    for changed in
        [intensity::gamma(&flat, &neutral(1.5)), intensity::contrast(&flat, &neutral(0.8))]
    {
        assert!((changed - &flat).abs().max().double_value(&[]) < 1e-6);
    }
}
