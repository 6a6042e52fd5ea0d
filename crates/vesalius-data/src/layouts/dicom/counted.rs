//! Numbers in names, and whether they count.

/// Numbers of names that differ in a number, one each: `IM1, IM2, … IM10`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Numbered {
    pub(super) numbers: Vec<i64>,
    /// Whether they follow each other, so that their order is one; a hash or a date tells none.
    pub(super) counts: bool,
    /// Whether a minus or hyphen stands before them, as in `z-3`, and no zeros as in `IM-0003`.
    pub(super) signed: bool,
}

/// The numbers by which names differ; `None` where they differ otherwise or a number stands twice.
pub(super) fn numbered(names: &[String]) -> Option<Numbered> {
    let parts: Vec<(Vec<String>, Vec<i64>)> =
        names.iter().map(|name| split(name)).collect::<Option<_>>()?;
    let (pattern, first) = parts.first()?;
    if parts.iter().any(|(other, numbers)| other != pattern || numbers.len() != first.len()) {
        return None;
    }
    let distinct: Vec<Numbered> = (0..first.len())
        .filter_map(|field| {
            let numbers: Vec<i64> = parts.iter().map(|(_, numbers)| numbers[field]).collect();
            let mut sorted = numbers.clone();
            sorted.sort_unstable();
            let signed = pattern[field].ends_with('-') && !names.iter().any(|n| n.contains("-0"));
            let distinct = sorted.windows(2).all(|pair| pair[0] != pair[1]);
            distinct.then(|| Numbered { counts: counts(&numbers), signed, numbers })
        })
        .collect();
    // Of several, those that count: a slice's position or time may stand beside its number.
    let counting: Vec<&Numbered> = distinct.iter().filter(|found| found.counts).collect();
    let candidates = if counting.is_empty() { distinct.iter().collect() } else { counting };
    let found = *candidates.first()?;
    let agree = candidates.iter().all(|other| ranks(&other.numbers) == ranks(&found.numbers));
    agree.then(|| found.clone())
}

/// Text between numbers in lower case, and the numbers.
fn split(name: &str) -> Option<(Vec<String>, Vec<i64>)> {
    let mut texts = vec![String::new()];
    let mut numbers: Vec<String> = Vec::new();
    let mut in_number = false;
    for c in name.chars() {
        if c.is_ascii_digit() {
            if !in_number {
                numbers.push(String::new());
                texts.push(String::new());
            }
            numbers.last_mut()?.push(c);
        } else {
            texts.last_mut()?.extend(c.to_lowercase());
        }
        in_number = c.is_ascii_digit();
    }
    // Longer ones are parts of identifiers: their last digits tell them apart, and count nothing.
    let parse = |digits: String| {
        let significant = digits.trim_start_matches('0');
        let last = significant.get(significant.len().saturating_sub(18)..).unwrap_or("");
        if last.is_empty() { Some(0) } else { last.parse().ok() }
    };
    Some((texts, numbers.into_iter().map(parse).collect::<Option<_>>()?))
}

/// Whether numbers are so dense that they count something.
fn counts(numbers: &[i64]) -> bool {
    let (Some(least), Some(greatest)) = (numbers.iter().min(), numbers.iter().max()) else {
        return false;
    };
    let most = 2 * numbers.len() as i64 + 8;
    greatest - least < most || (numbers.len() > 2 && complete(numbers))
}

/// Whether sorted numbers follow each other at one distance: nothing is left out.
pub(super) fn complete(numbers: &[i64]) -> bool {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let step = sorted.windows(2).map(|pair| pair[1] - pair[0]).next();
    sorted.windows(2).all(|pair| Some(pair[1] - pair[0]) == step)
        && (numbers.len() != 2 || step == Some(1))
}

/// The place of each value among all.
pub(super) fn ranks<T: PartialOrd>(values: &[T]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].partial_cmp(&values[b]).unwrap_or(std::cmp::Ordering::Equal));
    let mut ranks = vec![0; values.len()];
    for (rank, at) in order.into_iter().enumerate() {
        ranks[at] = rank;
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: &[&str]) -> Option<(Vec<i64>, bool)> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        numbered(&names).map(|found| (found.numbers, found.counts))
    }

    #[test]
    fn the_number_that_changes_counts_and_the_others_are_text() {
        assert_eq!(of(&["IM1", "IM10", "im2"]), Some((vec![1, 10, 2], true)));
        assert_eq!(of(&["i0000,0000b", "i0001,0000b"]), Some((vec![0, 1], true)));
        assert_eq!(of(&["a5", "a10", "a15"]), Some((vec![5, 10, 15], true)));
        // The slice's position stands beside its number, and neither order is the other.
        assert_eq!(of(&["s1_z-300", "s2_z-250", "s3_z-200"]), None);
        assert_eq!(of(&["s1_z200", "s2_z250", "s3_z290"]), Some((vec![1, 2, 3], true)));
    }

    #[test]
    fn identifiers_do_not_count() {
        let found = of(&["1.2.840.7736182", "1.2.840.1938827", "1.2.840.4471811"]).unwrap();
        assert!(!found.1);
        let long = "1.2.840.99999999999999999999999999999999999";
        assert!(of(&[&format!("{long}1"), &format!("{long}2")]).unwrap().1);
        for names in [["a", "b"], ["IM1", "IM01"], ["IM1", "slice2"]] {
            assert_eq!(of(&names), None, "{names:?}");
        }
        assert!(!complete(&[1, 2, 4]) && complete(&[4, 1, 2, 3]) && !complete(&[3, 9]));
    }
}
