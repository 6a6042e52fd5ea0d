//! Which mask image belongs to which slice.
//!
//! A mask named like its slice is its mask. Otherwise both are counted, and a count is taken only where nothing speaks
//! against it: names, InstanceNumbers and positions have to tell one order (positions may run against it, because a
//! patient may be numbered from head to foot), and no number may be missing on one side alone. Who is not told so
//! would get another slice's mask without a word.

use super::counted::{Numbered, complete, numbered, ranks};
use crate::formats::file::Format;
use anyhow::{Result, bail};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What tells slices apart.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slice<'a> {
    pub(super) path: &'a Path,
    pub(super) instance_number: Option<i64>,
    pub(super) instance_uid: Option<&'a str>,
    /// Along the normal, mm.
    pub(super) along_mm: Option<f64>,
}

/// Masks in the order of the slices, and how they were found where names did not say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pairs {
    /// Of each slice, the index of its mask.
    pub(super) mask: Vec<usize>,
    pub(super) note: Option<String>,
}

impl Pairs {
    fn quiet(mask: Vec<usize>) -> Self {
        Self { mask, note: None }
    }
}

/// Finds each slice's mask; there are as many of each.
///
/// # Errors
/// When it cannot be told which mask is whose: one line with what would settle it.
pub(super) fn pair(slices: &[Slice], masks: &[PathBuf]) -> Result<Pairs> {
    if slices.len() != masks.len() {
        bail!("{} DICOM slices and {} masks, expected as many of each", slices.len(), masks.len());
    }
    if slices.len() == 1 {
        return Ok(Pairs::quiet(vec![0]));
    }
    if let Some(mask) = by_name(slices, masks) {
        return Ok(Pairs::quiet(mask));
    }
    let evidence = Evidence::of(slices, masks);
    match evidence.pair() {
        Ok(pairs) => Ok(pairs),
        Err(why) => {
            let folder = masks[0].parent().unwrap_or(&masks[0]);
            let [slice, mask] = [stem(slices[0].path), extension(&masks[0])];
            bail!(
                "{}: masks cannot be assigned to slices: {why}; expected each mask to be named like its slice, as {slice}.{mask} for {}",
                folder.display(),
                file_name(slices[0].path)
            )
        }
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn extension(path: &Path) -> String {
    path.extension().unwrap_or_default().to_string_lossy().into_owned()
}

/// Without the endings of files of one slice: others are parts of a name, as in `1.2.840.10008`.
fn stem(path: &Path) -> String {
    let is_slice =
        |name: &str| Format::of_name(Path::new(name)).is_some_and(|format| !format.is_volume());
    let mut name = file_name(path);
    // `IM1.dcm.png` is named after a whole file.
    while is_slice(&name)
        && let Some((rest, _)) = name.rsplit_once('.')
        && !rest.is_empty()
    {
        name = rest.to_owned();
    }
    name
}

/// Masks named like their slices: equal, with one beginning or ending for all, or by SOPInstanceUID.
fn by_name(slices: &[Slice], masks: &[PathBuf]) -> Option<Vec<usize>> {
    let masks: Vec<String> = masks.iter().map(|path| stem(path).to_lowercase()).collect();
    let names: Vec<String> = slices.iter().map(|slice| stem(slice.path).to_lowercase()).collect();
    let uids: Option<Vec<String>> =
        slices.iter().map(|slice| slice.instance_uid.map(str::to_lowercase)).collect();
    matched(&names, &masks)
        .or_else(|| surrounded(&names, &masks))
        .or_else(|| matched(uids.as_ref()?, &masks))
        .or_else(|| surrounded(uids.as_ref()?, &masks))
}

/// The mask of each name, where each has exactly one.
fn matched(names: &[String], masks: &[String]) -> Option<Vec<usize>> {
    let place: BTreeMap<&str, usize> =
        masks.iter().enumerate().map(|(at, mask)| (mask.as_str(), at)).collect();
    let found: Vec<usize> =
        names.iter().map(|name| place.get(name.as_str()).copied()).collect::<Option<_>>()?;
    let mut seen = vec![false; masks.len()];
    for &at in &found {
        seen[at] = true;
    }
    seen.iter().all(|seen| *seen).then_some(found)
}

/// `IM1_mask` of `IM1`. Bare numbers are left to counting: 1 is in 001 and in 10.
fn surrounded(names: &[String], masks: &[String]) -> Option<Vec<usize>> {
    let first = masks.first()?;
    let spelled = |name: &&String| name.chars().any(|c| !c.is_ascii_digit());
    names.iter().filter(spelled).find_map(|name| {
        let at = first.find(name.as_str())?;
        let (before, after) = (&first[..at], &first[at + name.len()..]);
        let inner: Vec<String> = masks
            .iter()
            .map(|mask| Some(mask.strip_prefix(before)?.strip_suffix(after)?.to_owned()))
            .collect::<Option<_>>()?;
        matched(names, &inner)
    })
}

/// What there is to count by.
struct Evidence {
    masks: Option<Numbered>,
    names: Option<Numbered>,
    /// InstanceNumbers, where all slices have one and no two the same.
    instances: Option<Vec<i64>>,
    /// Those of slices that share numbers: an order still, where names tell one.
    shared: Option<Vec<i64>>,
    along_mm: Option<Vec<f64>>,
    slices: Vec<String>,
}

impl Evidence {
    fn of(slices: &[Slice], masks: &[PathBuf]) -> Self {
        let stems =
            |paths: &mut dyn Iterator<Item = &Path>| -> Vec<String> { paths.map(stem).collect() };
        let all: Option<Vec<i64>> = slices.iter().map(|slice| slice.instance_number).collect();
        let distinct = |numbers: &[i64]| {
            let mut sorted = numbers.to_vec();
            sorted.sort_unstable();
            sorted.windows(2).all(|pair| pair[0] != pair[1])
        };
        let (instances, shared) = match all {
            Some(numbers) if distinct(&numbers) => (Some(numbers), None),
            other => (None, other),
        };
        Self {
            masks: numbered(&stems(&mut masks.iter().map(PathBuf::as_path))),
            names: numbered(&stems(&mut slices.iter().map(|slice| slice.path))),
            instances,
            shared,
            along_mm: slices.iter().map(|slice| slice.along_mm).collect(),
            slices: slices.iter().map(|slice| file_name(slice.path)).collect(),
        }
    }

    /// The pairs, or why there are none.
    fn pair(&self) -> Result<Pairs, String> {
        let Some(masks) = &self.masks else {
            return Err("the masks' names do not differ by one number alone".to_owned());
        };
        if let Some(pairs) = self.by_equal_numbers(&masks.numbers)? {
            return Ok(pairs);
        }
        let names = self.names.as_ref().filter(|names| names.counts);
        let note =
            |how: &str| Some(format!("masks in the order of their numbers are those of {how}"));
        let (order, note) = match (names, &self.instances) {
            (Some(names), instances) => {
                let order = ranks(&names.numbers);
                if let Some(numbers) = instances {
                    self.same(&order, &ranks(numbers), "by name", "by InstanceNumber")?;
                }
                self.rising(&order, "by name")?;
                // A minus before a position is no hyphen: -9 comes before -3.
                self.along(&order, "by name", !names.signed || instances.is_some())?;
                (order, None)
            }
            (None, Some(numbers)) => {
                let order = ranks(numbers);
                self.along(&order, "by InstanceNumber", false)?;
                let how = if self.along_mm.is_some() {
                    "slices in the order of InstanceNumber and position: the slices' names do not count"
                } else {
                    "slices in the order of InstanceNumber: the slices' names do not count"
                };
                (order, note(how))
            }
            (None, None) => {
                return Err(
                    "neither names nor InstanceNumbers tell the order of the slices".to_owned()
                );
            }
        };
        self.nothing_left_out(&masks.numbers, &order)?;
        Ok(Pairs { mask: by_rank(&order, &masks.numbers), note })
    }

    /// Pairs by numbers that no other count would give by chance: from elsewhere than 0 or 1, or with gaps.
    fn by_equal_numbers(&self, masks: &[i64]) -> Result<Option<Pairs>, String> {
        let sorted = |numbers: &[i64]| {
            let mut sorted = numbers.to_vec();
            sorted.sort_unstable();
            sorted
        };
        let all = sorted(masks);
        if complete(masks) && all[0] <= 1 {
            return Ok(None);
        }
        let of = |numbers: Option<&[i64]>| {
            let numbers = numbers.filter(|numbers| sorted(numbers) == all)?;
            Some(by_rank(&ranks(numbers), masks))
        };
        let names = of(self.names.as_ref().map(|names| names.numbers.as_slice()));
        let instances = of(self.instances.as_deref());
        match (names, instances) {
            (Some(a), Some(b)) if a != b => Err(
                "their numbers are those of the slices' names and, in another order, InstanceNumbers"
                    .to_owned(),
            ),
            (Some(mask), _) => {
                let by_name = self.names.as_ref().map(|names| ranks(&names.numbers));
                let by_number = self.instances.as_deref().map(ranks);
                match (by_name, by_number) {
                    (Some(a), Some(b)) if a != b && complete(masks) => {
                        self.same(&a, &b, "by name", "by InstanceNumber")?;
                        Ok(None)
                    }
                    (Some(a), Some(b)) if a != b => {
                        let note = "masks are those of the slices with their number in the name: InstanceNumbers tell another order";
                        Ok(Some(Pairs { mask, note: Some(note.to_owned()) }))
                    }
                    _ => Ok(Some(Pairs::quiet(mask))),
                }
            }
            (None, Some(mask)) => {
                let note = "masks are those of the slices whose InstanceNumber they are named after";
                Ok(Some(Pairs { mask, note: Some(note.to_owned()) }))
            }
            (None, None) => Ok(None),
        }
    }

    fn same(&self, a: &[usize], b: &[usize], of_a: &str, of_b: &str) -> Result<(), String> {
        match (0..a.len()).find(|&i| a[i] != b[i]) {
            None => Ok(()),
            Some(i) => Err(format!(
                "order {of_a} and {of_b} differ ({} is slice {} of {} {of_a}, {} {of_b})",
                self.slices[i],
                a[i] + 1,
                a.len(),
                b[i] + 1
            )),
        }
    }

    /// InstanceNumbers that several slices share must not fall where names rise.
    fn rising(&self, order: &[usize], of: &str) -> Result<(), String> {
        let Some(numbers) = &self.shared else { return Ok(()) };
        let sequence = in_order(numbers, order);
        if sequence.windows(2).all(|pair| pair[0] <= pair[1]) {
            Ok(())
        } else {
            Err(format!("order {of} and by InstanceNumber differ"))
        }
    }

    /// Positions must tell the same order, or where `either_way` the reverse.
    fn along(&self, order: &[usize], of: &str, either_way: bool) -> Result<(), String> {
        let Some(along) = &self.along_mm else { return Ok(()) };
        let positions = ranks(along);
        let reversed: Vec<usize> = positions.iter().map(|rank| along.len() - 1 - rank).collect();
        if order == reversed {
            return if either_way {
                Ok(())
            } else {
                Err(format!("order {of} runs against that by position, and nothing else tells one"))
            };
        }
        self.same(order, &positions, of, "by position")
    }

    /// A mask or slice that is missing would shift all that follow.
    fn nothing_left_out(&self, masks: &[i64], order: &[usize]) -> Result<(), String> {
        let mut sorted_masks = masks.to_vec();
        sorted_masks.sort_unstable();
        let names = self.names.as_ref().map(|names| names.numbers.as_slice());
        let counts: Vec<&[i64]> =
            [names, self.instances.as_deref()].into_iter().flatten().collect();
        // Both have the same gaps.
        let parallel = counts.iter().any(|numbers| {
            let numbers = in_order(numbers, order);
            let apart = |i: usize| numbers[i].checked_sub(sorted_masks[i]);
            (0..numbers.len()).all(|i| apart(i) == apart(0))
        });
        let even = self.along_mm.as_ref().is_some_and(|along| {
            let along = in_order(along, order);
            let gap = |i: usize| (along[i + 1] - along[i]).abs();
            (0..along.len() - 1).all(|i| (gap(i) - gap(0)).abs() <= 0.05 * gap(0))
        });
        if parallel || (complete(masks) && (even || counts.iter().any(|all| complete(all)))) {
            return Ok(());
        }
        Err(if complete(masks) {
            "the slices' numbers have gaps and the masks' have none".to_owned()
        } else {
            "the masks' numbers have gaps and the slices' have others".to_owned()
        })
    }
}

/// Values sorted by rank.
fn in_order<T: Copy>(values: &[T], ranks: &[usize]) -> Vec<T> {
    let mut sorted = values.to_vec();
    for (value, &rank) in values.iter().zip(ranks) {
        sorted[rank] = *value;
    }
    sorted
}

/// Of each slice by its rank, the mask with the same rank.
fn by_rank(order: &[usize], masks: &[i64]) -> Vec<usize> {
    let mut at_rank = vec![0; masks.len()];
    for (mask, rank) in ranks(masks).into_iter().enumerate() {
        at_rank[rank] = mask;
    }
    order.iter().map(|&rank| at_rank[rank]).collect()
}

#[cfg(test)]
mod tests;
