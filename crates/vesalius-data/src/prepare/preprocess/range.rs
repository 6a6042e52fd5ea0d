//! How much of the stored type's range the images use: 12-bit values in 16-bit files are almost black under the window
//! of
//! the type's whole range, and most of their grey levels are lost.

use crate::checks::findings::Finding;
use crate::pack::manifest::PixelType;
use crate::volume::Volume;

/// Values of one case within the range of its type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RangeUsed {
    /// Least and greatest value.
    pub all: [f32; 2],
    /// Percentiles 0.1 and 99.9: where the values are but for a few saturated pixels or letters.
    pub most: [f32; 2],
    /// Least and greatest value of the stored type.
    pub full: [f32; 2],
}

/// Fewer grey levels than this share of the range deserve a word.
const SHARE: f32 = 0.125;
/// Dark 8-bit photographs with a few bright pixels are ordinary; only wider types are told by their percentiles.
const WIDE: f32 = 256.0;

impl RangeUsed {
    /// Of an image whose type has a range.
    pub fn of(volume: &Volume) -> Option<Self> {
        let full = volume.full_range?;
        let mut values = volume.measured();
        let last = values.len().checked_sub(1)?;
        let mut at = |per_mille: usize| {
            let index = (last as u128 * per_mille as u128 / 1000) as usize;
            *values.select_nth_unstable_by(index, f32::total_cmp).1
        };
        Some(Self { all: [at(0), at(1000)], most: [at(1), at(999)], full })
    }
}

/// What to say of a dataset prepared with the window `full`, over all its cases: `used` of each, in any order.
///
/// A warning for each type (8 bits, 16 bits) of which less than an eighth is used, and one where types are mixed: then
/// equal values become unequal greys. With the ranges of the types whose lost grey levels are told so.
pub fn notes_on_range(used: &[RangeUsed], depth: PixelType) -> (Vec<Finding>, Vec<[f32; 2]>) {
    let mut types: Vec<([f32; 2], usize)> = Vec::new();
    for case in used {
        match types.iter_mut().find(|(full, _)| *full == case.full) {
            Some((_, count)) => *count += 1,
            None => types.push((case.full, 1)),
        }
    }
    let (mut findings, told): (Vec<Finding>, Vec<[f32; 2]>) = types
        .iter()
        .filter_map(|(full, count)| {
            let of_type = || used.iter().filter(|case| case.full == *full);
            let all = union(of_type().map(|case| case.all));
            let most = union(of_type().map(|case| case.most));
            // A black image with a speck has no range to speak of.
            let wide = full[1] - full[0] >= WIDE && most[0] < most[1];
            let (range, what) = match () {
                () if share(all, *full) < SHARE => (all, "values"),
                () if wide && share(most, *full) < SHARE => (most, "99.8 % of the values of each,"),
                () => return None,
            };
            let levels = share(range, *full) * f32::from(depth.max()) + 1.0;
            let text = format!(
                "{what} {} to {} use {:.1} % of the type's range {} to {}: {:.0} of {} grey levels are left; \
                 --window p0.5,p99.5 spreads them",
                range[0],
                range[1],
                100.0 * share(range, *full),
                full[0],
                full[1],
                levels.floor(),
                u32::from(depth.max()) + 1
            );
            Some((Finding::warning(images(*count, used.len()), text), *full))
        })
        .unzip();
    if types.len() > 1 {
        let text: Vec<String> = types
            .iter()
            .map(|([low, high], count)| format!("{count} of {low} to {high}"))
            .collect();
        findings.push(Finding::warning(
            images(used.len(), used.len()),
            format!(
                "stored in types of different ranges ({}), each scaled by its own: equal values become unequal greys",
                text.join(", ")
            ),
        ));
    }
    (findings, told)
}

fn images(count: usize, of: usize) -> String {
    if count == of { format!("all {of} images") } else { format!("{count} of {of} images") }
}

fn union(ranges: impl Iterator<Item = [f32; 2]>) -> [f32; 2] {
    ranges.fold([f32::INFINITY, f32::NEG_INFINITY], |[low, high], range| {
        [low.min(range[0]), high.max(range[1])]
    })
}

fn share([low, high]: [f32; 2], full: [f32; 2]) -> f32 {
    (high - low) / (full[1] - full[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn used(values: Vec<f32>, full: [f32; 2]) -> RangeUsed {
        let volume = Volume::new([1, 1, 1, values.len()], values);
        RangeUsed::of(&Volume { full_range: Some(full), ..volume }).unwrap()
    }

    fn said(used: &[RangeUsed]) -> String {
        let (findings, _) = notes_on_range(used, PixelType::U8);
        let texts: Vec<String> = findings
            .into_iter()
            .map(|finding| format!("{}: {}", finding.of, finding.text))
            .collect();
        texts.join("\n")
    }

    const BYTE: [f32; 2] = [0.0, 255.0];
    const WORD: [f32; 2] = [0.0, 65535.0];

    #[test]
    fn twelve_bits_in_sixteen_are_told_with_the_grey_levels_that_are_left() {
        let cases = [used(vec![0.0, 1800.0], WORD), used(vec![20.0, 3120.0], WORD)];
        assert_eq!(
            said(&cases),
            "all 2 images: values 0 to 3120 use 4.8 % of the type's range 0 to 65535: 13 of 256 grey levels are \
             left; --window p0.5,p99.5 spreads them"
        );
        let (deep, told) = notes_on_range(&cases, PixelType::U16);
        assert!(deep[0].text.contains("3121 of 65536 grey levels"), "{}", deep[0].text);
        assert_eq!(told, [WORD]);
    }

    #[test]
    fn one_image_that_uses_the_range_speaks_for_all() {
        let cases = [used(vec![0.0, 1800.0], WORD), used(vec![0.0, 60000.0], WORD)];
        assert_eq!(said(&cases), "");
        assert_eq!(said(&[used(vec![0.0, 40.0], BYTE)]), "");
        assert_eq!(said(&[]), "");
    }

    #[test]
    fn bytes_of_0_and_1_offsets_and_signed_types_are_told_too() {
        assert!(said(&[used(vec![0.0, 1.0], BYTE)]).contains("2 of 256 grey levels"));
        assert!(said(&[used(vec![0.0, 31.0], BYTE)]).contains("32 of 256 grey levels"));
        assert!(said(&[used(vec![20000.0, 24000.0], WORD)]).contains("values 20000 to 24000"));
        let signed = [-32768.0, 32767.0];
        assert!(said(&[used(vec![-1000.0, 3000.0], signed)]).contains("range -32768 to 32767"));
    }

    #[test]
    fn letters_burnt_into_a_dark_image_do_not_hide_it() {
        let mut values: Vec<f32> = (0..4000).map(|i| i as f32 / 2.0).collect();
        values[..3].fill(65535.0);
        assert!(said(&[used(values.clone(), WORD)]).contains("99.8 % of the values of each, "));
        // Of bytes it is no news.
        let bytes = values.iter().map(|v| (v / 100.0).min(255.0)).collect();
        assert_eq!(said(&[used(bytes, BYTE)]), "");
    }

    #[test]
    fn types_that_are_mixed_are_told() {
        let cases = [used(vec![0.0, 255.0], BYTE), used(vec![0.0, 3120.0], WORD)];
        let text = said(&cases);
        assert!(text.starts_with("1 of 2 images: values 0 to 3120 use 4.8 %"), "{text}");
        assert!(text.contains("1 of 0 to 255, 1 of 0 to 65535"), "{text}");
    }
}
