//! Counts in sentences.

/// `1 patient`, `2 patients`.
pub fn of(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// `is` of one, `are` of others.
pub fn are(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_one() {
        assert_eq!([of(0, "run"), of(1, "run"), of(2, "run")], ["0 runs", "1 run", "2 runs"]);
        assert_eq!([are(1), are(2)], ["is", "are"]);
    }
}
