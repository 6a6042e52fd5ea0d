//! How far several readers agree beyond chance.

/// Fleiss' κ (1971) of a table `[images][categories]`: how many readers put each image into each category. None without
/// images, with fewer than 2 readers, or where every reader chose one category always: chance alone agrees then.
///
/// # Panics
/// When rows have different sums: every image needs the same number of readers.
pub fn fleiss<const C: usize>(table: &[[usize; C]]) -> Option<f64> {
    let readers: usize = table.first()?.iter().sum();
    assert!(table.iter().all(|row| row.iter().sum::<usize>() == readers), "a full table");
    if readers < 2 {
        return None;
    }
    let (images, readers) = (table.len() as f64, readers as f64);
    let agree = |row: &[usize; C]| {
        let pairs: f64 = row.iter().map(|&n| n as f64 * (n as f64 - 1.0)).sum();
        pairs / (readers * (readers - 1.0))
    };
    let observed = table.iter().map(agree).sum::<f64>() / images;
    let by_chance: f64 = (0..C)
        .map(|c| {
            let share = table.iter().map(|row| row[c] as f64).sum::<f64>() / (images * readers);
            share * share
        })
        .sum();
    (by_chance < 1.0).then(|| (observed - by_chance) / (1.0 - by_chance))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_who_always_agree_and_readers_who_split() {
        assert_eq!(fleiss(&[[3, 0], [0, 3]]), Some(1.0));
        assert_eq!(fleiss(&[[1, 1], [1, 1]]), Some(-1.0));
        assert_eq!(fleiss(&[[2, 0], [2, 0]]), None);
        assert_eq!(fleiss(&[[1, 0]]), None);
        assert_eq!(fleiss::<2>(&[]), None);
    }
}
