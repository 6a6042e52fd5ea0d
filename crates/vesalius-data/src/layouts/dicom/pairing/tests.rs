use super::*;

/// Name, InstanceNumber and position.
type Told = (String, Option<i64>, Option<f64>);
/// Slices as a folder lists them, and which each is.
type Listed = (Vec<Told>, Vec<i64>);

fn tell(slices: &[Told], masks: &[String]) -> Result<Pairs> {
    let paths: Vec<PathBuf> = slices.iter().map(|(name, ..)| format!("CT/{name}").into()).collect();
    let named: Vec<Slice> = slices
        .iter()
        .zip(&paths)
        .map(|((_, number, along), path)| Slice {
            path,
            instance_number: *number,
            instance_uid: None,
            along_mm: *along,
        })
        .collect();
    let masks: Vec<PathBuf> = masks.iter().map(|name| format!("GT/{name}").into()).collect();
    pair(&named, &masks)
}

const COUNT: i64 = 12;

fn names(name: impl Fn(i64) -> String) -> Vec<String> {
    (0..COUNT).map(name).collect()
}

/// Slices as a folder lists them, by text; the `k`-th is `name(k)` with InstanceNumber `number(k)` at `along(k)`.
fn slices(
    name: impl Fn(i64) -> String,
    number: impl Fn(i64) -> Option<i64>,
    along: impl Fn(i64) -> Option<f64>,
) -> Listed {
    let mut order: Vec<i64> = (0..COUNT).collect();
    order.sort_by_key(|&k| name(k));
    (order.iter().map(|&k| (name(k), number(k), along(k))).collect(), order)
}

const UP: fn(i64) -> Option<f64> = |k| Some(3.0 * k as f64);
const DOWN: fn(i64) -> Option<f64> = |k| Some(-3.0 * k as f64);
const FROM_ONE: fn(i64) -> Option<i64> = |k| Some(k + 1);

/// Numbers without any order: 0 to 11 times 5 modulo 12.
fn mixed(k: i64) -> i64 {
    5 * k % COUNT
}

/// Identifiers in an order of their own.
fn uid(k: i64) -> String {
    let at = mixed(k);
    format!("1.2.840.{}.dcm", 10_000_000 + at * 1_111_111 + at * at * at * 4321)
}

/// That slice `k` has mask `k`; the note.
fn right((slices, order): &Listed, mask: impl Fn(i64) -> String) -> Option<String> {
    let mut masks = names(&mask);
    masks.sort();
    let found = tell(slices, &masks).unwrap();
    for (k, at) in order.iter().zip(found.mask) {
        assert_eq!(masks[at], mask(*k), "{:?}", slices[0]);
    }
    found.note
}

fn refused((slices, _): &Listed, mask: impl Fn(i64) -> String, part: &str) {
    let mut masks = names(&mask);
    masks.sort();
    let error = tell(slices, &masks).unwrap_err().to_string();
    assert!(
        error.contains(part) && error.contains("to be named like its slice"),
        "{error}\n{part}"
    );
    assert!(!error.contains('\n') && error.starts_with("GT: "), "{error}");
}

#[test]
fn numbers_in_names_are_numbers_and_not_text() {
    let unpadded = |k: i64| format!("IM{}", k + 1);
    for along in [UP, DOWN, |_| None] {
        for number in [FROM_ONE, |_| None, |_| Some(7)] {
            let found = slices(unpadded, number, along);
            for from in [0, 1, 39] {
                assert_eq!(right(&found, |k| format!("mask_{:03}.png", k + from)), None);
                assert_eq!(right(&found, |k| format!("{}.png", k + from)), None);
            }
        }
    }
    // As CHAOS publishes them, and as OsiriX exports.
    let chaos = slices(|k| format!("i{k:04},0000b.dcm"), FROM_ONE, DOWN);
    assert_eq!(right(&chaos, |k| format!("liver_GT_{k:03}.png")), None);
    let osirix = slices(|k| format!("IM-0001-{:04}.dcm", k + 1), |k| Some(k + 300), UP);
    assert_eq!(right(&osirix, |k| format!("p7_{k}.tif")), None);
    // In steps.
    let steps = slices(|k| format!("z{}.dcm", 5 * k), |_| None, UP);
    assert_eq!(right(&steps, |k| format!("{k}.png")), None);
}

#[test]
fn a_mask_named_like_its_slice_is_its_mask_whatever_the_numbers_say() {
    let scrambled = |k: i64| Some(mixed(k));
    for (slice, mask) in [
        ("S", ".png"),
        ("S.dcm", ".png"),
        ("S.DCM", ".dcm.png"),
        ("S.dcm", "_mask.png"),
        ("S.IMA", "-seg.tif"),
    ] {
        let slice = |k: i64| slice.replace('S', &format!("sLice{k}"));
        let found = slices(slice, scrambled, |k| Some(mixed(k + 1) as f64));
        assert_eq!(right(&found, |k| format!("slice{k}{mask}")), None);
        assert_eq!(right(&found, |k| format!("GT_slice{k}{mask}")), None);
    }
    let bare = slices(|k| format!("{k}.dcm"), scrambled, DOWN);
    assert_eq!(right(&bare, |k| format!("{k}.png")), None);
    assert_eq!(right(&slices(uid, scrambled, DOWN), |k| uid(k).replace("dcm", "png")), None);
}

#[test]
fn identifiers_leave_it_to_numbers_and_positions_that_agree() {
    let found = slices(uid, FROM_ONE, UP);
    assert!(
        right(&found, |k| format!("{k:03}.png")).unwrap().contains("InstanceNumber and position")
    );
    assert!(right(&found, |k| format!("m{}.png", k + 1)).is_some());
    let blind = slices(uid, FROM_ONE, |_| None);
    assert!(right(&blind, |k| format!("{k:03}.png")).unwrap().contains("order of InstanceNumber:"));
    // Against each other they tell two orders, unless the masks have the numbers themselves.
    let against = slices(uid, FROM_ONE, DOWN);
    refused(&against, |k| format!("{k:03}.png"), "by InstanceNumber runs against that by position");
    let far = slices(uid, |k| Some(k + 40), DOWN);
    let note = right(&far, |k| format!("{:03}.png", k + 40)).unwrap();
    assert!(note.contains("whose InstanceNumber they are named after"), "{note}");
    let gaps = |k: i64| k + k / 4;
    let found = slices(uid, |k| Some(gaps(k)), DOWN);
    assert!(right(&found, |k| format!("{:03}.png", gaps(k))).is_some());
}

#[test]
fn orders_that_differ_are_refused_with_what_would_settle_it() {
    let name = |k: i64| format!("IM{}", k + 1);
    let mask = |k: i64| format!("mask_{:03}.png", k + 1);
    let backwards = slices(name, |k| Some(COUNT - k), UP);
    refused(
        &backwards,
        mask,
        "by name and by InstanceNumber differ (IM1 is slice 1 of 12 by name, 12",
    );
    refused(&slices(name, |k| Some(mixed(k)), UP), mask, "by name and by InstanceNumber differ");
    refused(&slices(name, FROM_ONE, |k| Some(mixed(k) as f64)), mask, "by name and by position");
    refused(&slices(name, |k| Some(8 - k / 2), UP), mask, "by name and by InstanceNumber differ");
    refused(&slices(uid, |k| Some(mixed(k)), UP), mask, "by InstanceNumber and by position differ");
    refused(&slices(uid, |_| Some(1), UP), mask, "neither names nor InstanceNumbers tell");
    refused(&slices(uid, |_| None, UP), mask, "neither names nor InstanceNumbers tell");
    // -9 is before -3, and a hyphen is no minus: with nothing but names they look alike.
    refused(&slices(|k| format!("z-{}", k + 1), |_| None, DOWN), mask, "runs against that by pos");
    assert_eq!(right(&slices(|k| format!("z-{}", k + 1), |_| None, UP), mask), None);
    assert_eq!(right(&slices(|k| format!("z-{}", k + 1), FROM_ONE, DOWN), mask), None);
    assert_eq!(right(&slices(|k| format!("z-{k:04}"), |_| None, DOWN), mask), None);
    let far = slices(|k| format!("IM{}", k + 30), |k| Some(100 - k), UP);
    refused(&far, |k| format!("m{}.png", k + 30), "by name and by InstanceNumber differ");
    let good = slices(name, FROM_ONE, UP);
    refused(
        &good,
        |k| format!("{}.png", char::from(b'a' + k as u8)),
        "do not differ by one number",
    );
}

#[test]
fn a_number_that_is_missing_on_one_side_would_shift_the_others() {
    let name = |k: i64| format!("IM{}", k + 1);
    let gap = |k: i64| k + i64::from(k > 4);
    let found = slices(name, FROM_ONE, UP);
    refused(&found, |k| format!("m{}.png", gap(k)), "the masks' numbers have gaps and the slices'");
    let holes = slices(|k| format!("IM{}", gap(k)), |k| Some(gap(k)), |k| UP(gap(k)));
    refused(
        &holes,
        |k| format!("m{k}.png"),
        "the slices' numbers have gaps and the masks' have none",
    );
    refused(
        &holes,
        |k| format!("m{}.png", k + i64::from(k > 7)),
        "gaps and the slices' have others",
    );
    // The same gaps on both sides, or numbers with gaps of slices that are all there.
    assert_eq!(right(&holes, |k| format!("m{}.png", gap(k) + 1)), None);
    let all = slices(uid, |k| Some(gap(k)), UP);
    assert!(right(&all, |k| format!("m{k}.png")).is_some());
}

#[test]
fn the_instance_uid_names_a_slice_too() {
    let uids = ["1.2.9", "1.2.10", "1.2.4"];
    let paths = ["x/p.dcm", "x/q.dcm", "x/r.dcm"].map(PathBuf::from);
    let named: Vec<Slice> = (0..3)
        .map(|i| Slice {
            path: &paths[i],
            instance_number: Some(1),
            instance_uid: Some(uids[i]),
            along_mm: None,
        })
        .collect();
    let masks = ["1.2.10.png", "1.2.4.png", "1.2.9.png"].map(PathBuf::from);
    assert_eq!(pair(&named, &masks).unwrap().mask, [2, 0, 1]);
    assert_eq!(pair(&named[..1], &masks[..1]).unwrap().mask, [0]);
    assert!(pair(&named, &masks[..2]).unwrap_err().to_string().contains("3 DICOM slices and 2"));
}
