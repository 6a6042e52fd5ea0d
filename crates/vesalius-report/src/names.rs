//! Names of the files of a report.

use crate::evidence::runs::Run;

/// `acdc-wgan-gp`: dataset and GAN of a run, for file names.
pub(crate) fn slug(run: &Run) -> String {
    let gan = run.gan().map_or_else(|| "real".to_owned(), ToString::to_string);
    file_part(&format!("{}-{gan}", run.result.subject.dataset))
}

/// Letters of a name in the name of a file, at most.
const LONGEST: usize = 80;

/// A text as a part of a file's name: letters, digits and `-`, not too many. Files of one name are told apart by
/// numbers.
pub(crate) fn file_part(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    text.chars().take(LONGEST).map(plain).collect()
}
