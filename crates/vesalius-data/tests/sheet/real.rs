//! The check of masks on real scans: as they are, and wrong on purpose. `--nocapture` prints what docs/checks.md
//! reports.

use super::moved;
use rayon::prelude::*;
use vesalius_data::checks::fit::{Fits, look, verdict};
use vesalius_data::layouts::{SourceKind, SourceOptions, open};
use vesalius_data::volume::{Case, Labels, Reader};

/// What is done to the masks, and what has to be said of it.
type Mistake = (&'static str, &'static str);

const MISTAKES: [Mistake; 7] = [
    ("mirrored left to right", "left to right"),
    ("mirrored up and down", "up and down"),
    ("turned by 180 degrees", "180"),
    ("moved by a twelfth of the side", "moved"),
    ("of the next slice", "before it"),
    ("in reverse order", ""),
    ("shuffled", "no better than"),
];

/// Cases with their patients.
fn load(folder: &str, kind: SourceKind, patient: Option<&str>) -> Option<Vec<(String, Case)>> {
    let root = vesalius_testing::real_data(folder)?;
    let options = SourceOptions { patient: patient.map(str::to_owned), ..SourceOptions::default() };
    let source = open(kind, &root, &options).unwrap();
    let cases = source.cases().unwrap().cases;
    let loaded = cases.par_iter().map(|files| {
        (files.patient.clone(), small(source.load(files, &mut Reader::new(&root)).unwrap()))
    });
    Some(loaded.collect())
}

/// Photographs are averaged down as the check itself does: the same numbers, and room for all of them.
fn small(case: Case) -> Case {
    let volume = &case.volume;
    let factor = volume.height.max(volume.width).div_ceil(256);
    if factor < 3 {
        return case;
    }
    let [height, width] = [volume.height / factor, volume.width / factor];
    let (mut values, mut labels) = (vec![], vec![]);
    for slice in 0..volume.slices {
        for y in 0..height {
            for x in 0..width {
                let at = |dy: usize, dx: usize| (y * factor + dy) * volume.width + x * factor + dx;
                let places = (0..factor).flat_map(|dy| (0..factor).map(move |dx| (dy, dx)));
                let sum: f32 = (0..volume.channels)
                    .map(|c| {
                        let plane = volume.plane(slice, c);
                        places.clone().map(|(dy, dx)| plane[at(dy, dx)]).sum::<f32>()
                    })
                    .sum();
                values.push(sum);
                labels.push(case.labels.plane(slice)[at(factor / 2, factor / 2)]);
            }
        }
    }
    let volume = vesalius_data::volume::Volume::new([case.volume.slices, 1, height, width], values);
    Case::new(volume, Labels { slices: case.volume.slices, height, width, values: labels })
}

fn wrong(name: &str, all: &[(String, Case)], i: usize) -> Labels {
    let labels = &all[i].1.labels;
    let slices = labels.slices;
    let picture = |of: usize| {
        let other = &all[of % all.len()].1.labels;
        let alike = [other.height, other.width] == [labels.height, labels.width];
        if alike { other.clone() } else { labels.clone() }
    };
    match name {
        "mirrored left to right" => moved(labels, |[_, _, w], [k, y, x]| [k, y, w - 1 - x]),
        "mirrored up and down" => moved(labels, |[_, h, _], [k, y, x]| [k, h - 1 - y, x]),
        "turned by 180 degrees" => moved(labels, |[_, h, w], [k, y, x]| [k, h - 1 - y, w - 1 - x]),
        "moved by a twelfth of the side" => moved(labels, |[_, h, w], [k, y, x]| {
            let by = h.max(w) / 12;
            [k, (y + h - by) % h, (x + by) % w]
        }),
        "of the next slice" if slices == 1 => picture(i + 1),
        "of the next slice" => moved(labels, |[s, _, _], [k, y, x]| [(k + 1) % s, y, x]),
        "in reverse order" if slices == 1 => picture(all.len() - 1 - i),
        "in reverse order" => moved(labels, |[s, _, _], [k, y, x]| [s - 1 - k, y, x]),
        _ if slices == 1 => picture(i * 7 + 3),
        _ => {
            let mut order: Vec<usize> = (0..slices).collect();
            order.sort_by_key(|k| ((k + i) as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20);
            moved(labels, |_, [k, y, x]| [order[k], y, x])
        }
    }
}

fn fits(cases: &[(String, Case)], labels: impl Fn(usize) -> Labels + Sync) -> Fits {
    let looks: Vec<_> = (0..cases.len())
        .into_par_iter()
        .map(|i| look(&Case { labels: labels(i), ..cases[i].1.clone() }))
        .collect();
    let mut fits = Fits::default();
    for ((patient, _), found) in cases.iter().zip(looks) {
        fits.add(patient, found);
    }
    fits
}

/// Patients who would be warned of by themselves.
fn alone(fits: &Fits) -> usize {
    fits.patients().values().filter(|fit| verdict::patient(fit).is_some()).count()
}

const SETS: [(&str, SourceKind, Option<&str>); 5] = [
    ("acdc", SourceKind::Acdc, None),
    ("acdc_more", SourceKind::Acdc, None),
    ("idrid", SourceKind::Idrid, None),
    ("chaos_ct", SourceKind::Dicom, None),
    ("sunnybrook", SourceKind::Folder, Some("^(.*?)-IM")),
];

#[test]
fn real_masks_are_not_accused_and_wrong_ones_are() {
    for (name, kind, patient) in SETS {
        let Some(cases) = load(name, kind, patient) else { continue };
        let right = fits(&cases, |i| cases[i].1.labels.clone());
        assert_eq!(verdict::findings(&right), [], "{name}");
        assert_eq!(alone(&right), 0, "{name}");
        let patients = right.patients().len();
        println!("{name}: {patients} patients, none accused");
        // One of the two ACDC sets is enough.
        for (mistake, word) in MISTAKES.iter().filter(|_| name != "acdc_more") {
            let wrong = fits(&cases, |i| wrong(mistake, &cases, i));
            let found = verdict::findings(&wrong);
            println!(
                "{name}, masks {mistake}: {} of {patients} alone; said: {found:?}",
                alone(&wrong)
            );
            // The mask of the next slice of 3 mm is the same mask, nearly.
            if name == "chaos_ct" && *mistake == "of the next slice" {
                continue;
            }
            assert!(found.iter().any(|finding| finding.text.contains(word)), "{name} {mistake}");
        }
    }
}

#[test]
fn the_right_ventricle_alone_is_enough() {
    let Some(mut cases) = load("acdc", SourceKind::Acdc, None) else { return };
    for (_, case) in &mut cases {
        case.labels.values.iter_mut().for_each(|label| *label = u8::from(*label == 1));
    }
    let right = fits(&cases, |i| cases[i].1.labels.clone());
    assert_eq!((verdict::findings(&right), alone(&right)), (vec![], 0));
    for (mistake, word) in &MISTAKES[..3] {
        let wrong = fits(&cases, |i| wrong(mistake, &cases, i));
        let found = verdict::findings(&wrong);
        println!(
            "right ventricle, masks {mistake}: {} of {} alone",
            alone(&wrong),
            right.patients().len()
        );
        assert!(found.len() == 1 && found[0].text.contains(word), "{found:?}");
    }
}
