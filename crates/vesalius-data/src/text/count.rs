//! Counts in sentences.

/// `1 patient`, `2 patients`.
pub fn of(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}

/// Pieces that are done each second, in a number that moves: `12 img/s`, `1.4 img/s`, `2.5 s/img`.
pub fn pace(each_second: f64, one: &str) -> String {
    if each_second >= 10.0 {
        format!("{each_second:.0} {one}/s")
    } else if each_second >= 1.0 || each_second <= 0.0 {
        format!("{each_second:.1} {one}/s")
    } else {
        format!("{:.1} s/{one}", 1.0 / each_second)
    }
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
        let paces = [0.0, 0.02, 0.4, 1.25, 12.4].map(|each| pace(each, "img"));
        assert_eq!(paces, ["0.0 img/s", "50.0 s/img", "2.5 s/img", "1.2 img/s", "12 img/s"]);
        assert_eq!([are(1), are(2)], ["is", "are"]);
    }
}
