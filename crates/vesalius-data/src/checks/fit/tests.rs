//! Drawn images with masks that lie on them, and masks that do not.

use super::verdict::findings;
use super::{Fits, look};
use crate::volume::{Case, Labels, Volume};

/// Numbers from 0 to 1, the same on every machine.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> f32 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }
}

/// An L that wanders through the slices of a noisy ramp, as an organ in a body, and its mask. `[S, C, H, W]`.
fn scene([slices, channels, height, width]: [usize; 4], seed: u64) -> Case {
    let mut noise = Noise(seed);
    let pixels = height * width;
    let mut values = vec![0.0; slices * channels * pixels];
    let mut labels = vec![0; slices * pixels];
    let unit = height.min(width) / 8;
    for slice in 0..slices {
        let down = unit / 2 + slice * (height / 3) / slices.max(1) + seed as usize % 3;
        for y in 0..height {
            for x in 0..width {
                let (dy, dx) = (y.wrapping_sub(down), x.wrapping_sub(unit));
                let inside = (dy < 3 * unit && dx < unit)
                    || (dy < 4 * unit && dy >= 3 * unit && dx < 3 * unit);
                labels[slice * pixels + y * width + x] = u8::from(inside);
                for channel in 0..channels {
                    let ramp = 20.0 + y as f32 + x as f32 / 2.0;
                    let at = (slice * channels + channel) * pixels + y * width + x;
                    values[at] = ramp + 5.0 * noise.next() + if inside { 150.0 } else { 0.0 };
                }
            }
        }
    }
    Case::new(
        Volume::new([slices, channels, height, width], values),
        Labels { slices, height, width, values: labels },
    )
}

/// The same with another mask: where each of its labels comes from.
fn with(mut case: Case, from: impl Fn([usize; 3]) -> [usize; 3]) -> Case {
    let Labels { slices, height, width, .. } = case.labels;
    let old = case.labels.values.clone();
    let mut places =
        (0..slices).flat_map(|k| (0..height).flat_map(move |y| (0..width).map(move |x| [k, y, x])));
    case.labels.values.iter_mut().for_each(|label| {
        let [k, y, x] = from(places.next().expect("as many places as labels"));
        *label = old[(k * height + y) * width + x];
    });
    case
}

fn said(cases: impl IntoIterator<Item = Case>) -> Vec<String> {
    let mut fits = Fits::default();
    for (i, case) in cases.into_iter().enumerate() {
        fits.add(&format!("p{i:02}"), look(&case));
    }
    findings(&fits).into_iter().map(|finding| format!("{}: {}", finding.of, finding.text)).collect()
}

fn scenes(count: u64, shape: [usize; 4]) -> impl Iterator<Item = Case> {
    (0..count).map(move |seed| scene(shape, seed))
}

const SMALL: [usize; 4] = [3, 1, 32, 24];
const SQUARE: [usize; 4] = [3, 1, 32, 32];
const LARGE: [usize; 4] = [6, 1, 150, 120];

#[test]
fn masks_that_lie_on_their_images_are_not_mentioned() {
    for shape in
        [SMALL, SQUARE, LARGE, [1, 1, 32, 24], [1, 3, 90, 60], [14, 1, 64, 64], [1, 1, 700, 500]]
    {
        for patients in [1, 2, 10, 15] {
            assert_eq!(said(scenes(patients, shape)), [""; 0], "{patients} of {shape:?}");
        }
    }
}

#[test]
fn whole_datasets_of_two_patients_are_told_how_they_fit_better() {
    for shape in [SMALL, SQUARE, LARGE, [1, 1, 32, 24], [1, 3, 90, 60], [1, 1, 700, 500]] {
        let [_, _, h, w] = shape;
        for (word, from) in [
            (
                "mirrored left to right (in 2 of 2",
                &(|[k, y, x]: [usize; 3]| [k, y, w - 1 - x]) as &dyn Fn(_) -> _,
            ),
            ("mirrored up and down (in 2 of 2", &|[k, y, x]: [usize; 3]| [k, h - 1 - y, x]),
            ("turned by 180 degrees (in 2 of 2", &|[k, y, x]: [usize; 3]| {
                [k, h - 1 - y, w - 1 - x]
            }),
        ] {
            let found = said(scenes(2, shape).map(|case| with(case, from)));
            assert_eq!(found.len(), 1, "{word} {shape:?}: {found:?}");
            assert!(found[0].starts_with("all patients") && found[0].contains(word), "{found:?}");
        }
    }
}

#[test]
fn quarter_turns_and_moves_are_told_too() {
    let n = 31;
    for (word, from) in [
        ("rows and columns swapped (in", &(|[k, y, x]: [usize; 3]| [k, x, y]) as &dyn Fn(_) -> _),
        // The mask was turned clockwise, so turning it anticlockwise helps.
        ("90 degrees anticlockwise", &|[k, y, x]: [usize; 3]| [k, n - x, y]),
        ("90 degrees clockwise", &|[k, y, x]: [usize; 3]| [k, x, n - y]),
        ("swapped and turned", &|[k, y, x]: [usize; 3]| [k, n - x, n - y]),
        ("moved to the right by about 16 %", &|[k, y, x]: [usize; 3]| [k, y, (x + 5) % 32]),
        ("moved to the left by about 19 %", &|[k, y, x]: [usize; 3]| [k, y, (x + 26) % 32]),
    ] {
        let found = said(scenes(2, SQUARE).map(|case| with(case, from)));
        assert!(found.len() == 1 && found[0].contains(word), "{word}: {found:?}");
    }
}

#[test]
fn slices_in_another_order_are_told() {
    let shape = [14, 1, 64, 64];
    let text = super::text_order(14);
    assert_eq!(text[..7], [0, 9, 10, 11, 12, 13, 1]);
    for (word, from) in [
        (
            "the mask of the slice after it",
            &(|[k, y, x]: [usize; 3]| [(k + 13) % 14, y, x]) as &dyn Fn(_) -> _,
        ),
        ("the mask of the slice before it", &|[k, y, x]: [usize; 3]| [(k + 1) % 14, y, x]),
        ("from the last to the first", &|[k, y, x]: [usize; 3]| [13 - k, y, x]),
        ("numbered as text", &|[k, y, x]: [usize; 3]| [text[k], y, x]),
    ] {
        for patients in [1, 3] {
            let found = said(scenes(patients, shape).map(|case| with(case, from)));
            assert!(found.len() == 1 && found[0].contains(word), "{word} {patients}: {found:?}");
        }
    }
}

/// Slices of round organs of all sizes and greys, one of them labelled, in another place in each slice.
fn organs(slices: usize, seed: u64) -> Case {
    const SIDE: usize = 80;
    let mut noise = Noise(seed + 77);
    let mut case = scene([slices, 1, SIDE, SIDE], seed);
    for slice in 0..slices {
        let discs: Vec<[f32; 4]> = (0..14).map(|_| [0; 4].map(|_| noise.next())).collect();
        for at in 0..SIDE * SIDE {
            let place = [at / SIDE, at % SIDE].map(|i| i as f32 / SIDE as f32);
            let (mut value, mut label) = (0.02 * noise.next(), 0);
            for (i, [y, x, size, grey]) in discs.iter().enumerate() {
                let radius = 0.06 + 0.12 * size;
                if (place[0] - y).hypot(place[1] - x) < radius {
                    (value, label) = (*grey + 0.1 * noise.next(), u8::from(i == 13));
                }
            }
            case.volume.values[slice * SIDE * SIDE + at] = value;
            case.labels.values[slice * SIDE * SIDE + at] = label;
        }
    }
    case
}

#[test]
fn masks_in_no_order_at_all_are_told() {
    let mixed = |k: usize| (k * 5 + 3) % 14;
    assert_eq!(said((0..2).map(|seed| organs(14, seed))), [""; 0]);
    for patients in [1, 2] {
        let wrong = |seed| with(organs(14, seed), |[k, y, x]| [mixed(k), y, x]);
        let found = said((0..patients).map(wrong));
        let word = "no better than masks of other slices";
        assert!(found.len() == 1 && found[0].contains(word), "{found:?}");
    }
}

#[test]
fn one_patient_of_ten_is_named() {
    let [_, _, _, w] = LARGE;
    let cases = scenes(10, LARGE)
        .enumerate()
        .map(|(i, case)| if i == 7 { with(case, |[k, y, x]| [k, y, w - 1 - x]) } else { case });
    let found = said(cases);
    assert!(found.len() == 1 && found[0].starts_with("p07: the masks fit"), "{found:?}");
    assert!(found[0].contains("mirrored left to right"), "{found:?}");
}

#[test]
fn images_in_which_nothing_is_seen_are_not_accused() {
    let mut noise = Noise(9);
    for (what, mut value) in [
        ("noise", Box::new(|| noise.next()) as Box<dyn FnMut() -> f32>),
        ("one grey", Box::new(|| 7.0)),
    ] {
        for shape in [SMALL, LARGE, [1, 1, 64, 64], [20, 1, 48, 48]] {
            let mut blank = |mut case: Case| {
                case.volume.values.iter_mut().for_each(|v| *v = value());
                case
            };
            let cases: Vec<Case> = scenes(15, shape).map(&mut blank).collect();
            assert_eq!(said(cases), [""; 0], "{what} {shape:?}");
        }
    }
}

#[test]
fn empty_masks_and_masks_of_a_few_pixels_say_nothing() {
    for kept in [0, 2] {
        let cases = scenes(12, LARGE).map(|mut case| {
            let mut left = kept;
            case.labels.values.iter_mut().filter(|label| **label == 1).for_each(|label| {
                *label = u8::from(left > 0);
                left = usize::saturating_sub(left, 1);
            });
            case
        });
        assert_eq!(said(cases), [""; 0]);
    }
}

#[test]
fn what_is_symmetric_about_the_middle_cannot_be_told() {
    let disc = |[k, y, x]: [usize; 3]| {
        let (dy, dx) = (y as i32 * 2 - 63, x as i32 * 2 - 63);
        [k, usize::from(dy * dy + dx * dx < 900), 0]
    };
    let cases = scenes(12, [2, 1, 64, 64]).map(|mut case| {
        for i in 0..case.labels.values.len() {
            let inside = disc([0, i % 4096 / 64, i % 64])[1];
            case.labels.values[i] = inside as u8;
            case.volume.values[i] = (inside * 100) as f32 + (i % 7) as f32;
        }
        with(case, |[k, y, x]| [k, y, 63 - x])
    });
    assert_eq!(said(cases), [""; 0]);
}

#[test]
fn masks_of_the_next_picture_are_told_over_patients() {
    // Organs at another place in each picture, as optic discs.
    let shape = [1, 1, 96, 96];
    let pictures: Vec<Case> = (0..16)
        .map(|seed| {
            let by = (seed as usize * 37) % 48;
            let case = scene(shape, seed);
            let moved = with(case.clone(), |[k, y, x]| [k, y, (x + 96 - by) % 96]);
            let (old, mut case) = (case.volume.values.clone(), moved);
            for (i, value) in case.volume.values.iter_mut().enumerate() {
                *value = old[i / 96 * 96 + (i % 96 + 96 - by) % 96];
            }
            case
        })
        .collect();
    assert_eq!(said(pictures.clone()), [""; 0]);
    let wrong = (0..16)
        .map(|i| Case { labels: pictures[(i + 1) % 16].labels.clone(), ..pictures[i].clone() });
    let found = said(wrong);
    assert!(found.len() == 1 && found[0].contains("the mask of the image before it"), "{found:?}");
}

#[test]
fn intensities_of_sixteen_bits_and_colours_change_nothing() {
    let scale = |mut case: Case| {
        case.volume.values.iter_mut().for_each(|v| *v = *v * 300.0 - 1000.0);
        case
    };
    let [_, _, _, w] = LARGE;
    let found = said(scenes(2, LARGE).map(|case| scale(with(case, |[k, y, x]| [k, y, w - 1 - x]))));
    assert!(found.len() == 1 && found[0].contains("mirrored left to right"), "{found:?}");
    assert_eq!(said(scenes(2, LARGE).map(scale)), [""; 0]);
}
