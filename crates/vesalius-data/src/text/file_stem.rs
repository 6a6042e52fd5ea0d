//! Names that files get.

use super::hidden::is_hidden;
use super::refused::Refused;

/// Bytes at most: file systems take 255, `_0000.nii.gz` is the longest ending.
const LONGEST: usize = 240;

/// Refuses what no file can be called, or would be another file.
///
/// A stem is not empty, has no `/` and no `\`, no leading dot, nothing hidden ([`is_hidden`]), and room for an ending:
/// whatever is
/// put behind it with a dot or a number, it stays one file in one folder. Blanks, brackets, `+`, umlauts and other
/// scripts are
/// parts of names.
///
/// # Errors
/// What is wrong with it, in one line.
pub fn check(text: &str) -> Result<(), Refused> {
    let why = if text.trim().is_empty() {
        " is empty, expected a name that a file can have"
    } else if text.contains(is_hidden) {
        " has characters that are not seen, expected a name that a file can have"
    } else if text.contains(['/', '\\']) || text.starts_with('.') {
        " leads elsewhere or is hidden, expected a name that a file can have, without / and \\ and leading dots"
    } else if text.len() > LONGEST {
        return Err(Refused::new(
            text,
            format!(" has {} bytes, expected at most {LONGEST} of a file's name", text.len()),
        ));
    } else {
        return Ok(());
    };
    Err(Refused::new(text, why))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_as_datasets_have_them_pass() {
        for name in [
            "patient001_frame01",
            "Müller, T1 (post-contrast) + Gd [2]",
            "患者01_心臓",
            "د‌ل_01",
            "scan 10:30 #2 a=b&c;d 'e' \"f\" $g `h`",
            "-x",
            "~a..b.",
            "é",
            &"x".repeat(240),
        ] {
            check(name).unwrap();
        }
    }

    #[test]
    fn what_would_be_another_file_or_is_not_seen_is_refused_in_one_line() {
        for name in [
            "",
            " ",
            ".",
            "..",
            ".hidden",
            "/etc/passwd",
            "../a",
            "a/b",
            "a\\b",
            "a\nb",
            "a\rb",
            "a\0b",
            "a\u{1b}[31mb",
            "a\u{7f}",
            "a\u{9b}31m",
            "a\u{202e}gpj.b",
            "a\u{2066}b\u{2069}",
            "a\u{200b}b",
            "a\u{2028}b",
            "\u{feff}a",
            "a\u{e0041}",
            &"é".repeat(121),
        ] {
            let error = check(name).unwrap_err().to_string();
            assert!(error.contains("expected") && error.len() < 400, "{error}");
            assert!(!error.contains(is_hidden), "{error:?}");
        }
    }
}
