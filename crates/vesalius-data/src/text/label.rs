//! Names that tables, figures and lines of a terminal call things by.

use super::hidden::is_hidden;
use super::refused::Refused;

/// Letters at most: a row of a table can name many GANs.
const LONGEST: usize = 1000;

/// Refuses what is not one line of text that is seen as it is: a dataset, a patient, a class, a metric. It may be
/// empty.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn check(text: &str) -> Result<(), Refused> {
    if text.contains(is_hidden) {
        let why = " has characters that are not seen, expected one line of printable text";
        return Err(Refused::new(text, why));
    }
    let length = text.chars().count();
    if length > LONGEST {
        let why = format!(" has {length} letters, expected a name of at most {LONGEST}");
        return Err(Refused::new(text, why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_one_line_that_is_seen_as_it_is() {
        for good in
            ["", "LV cavity", "=cmd|' /C calc'!A0", "<b>Ödem</b>", "µ ± 1 \u{200d}", "左心室"]
        {
            check(good).unwrap();
        }
        for bad in ["a\nb", "a\tb", "\u{1b}]0;x\u{7}", "a\u{85}b", "a\u{202e}b", &"x".repeat(1001)]
        {
            let error = check(bad).unwrap_err().to_string();
            assert!(error.contains("expected") && !error.contains(is_hidden), "{error:?}");
            assert!(error.len() < 200, "{error}");
        }
    }
}
