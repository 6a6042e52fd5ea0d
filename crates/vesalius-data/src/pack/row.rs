//! Whose synthetic images a table's row is about: a type whose words are those of `subject.gan` in a result.

use crate::pack::masks::{MaskSource, Masks};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// What the pack of a memory GAN, which only perturbs training pairs, calls its generator.
pub const MEMORY: &str = "memory";

/// The synthetic images of a row: of one generator, or of several together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct RowId {
    /// At least one.
    pub made: Vec<Made>,
}

/// Images of one generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Name of the preset.
    pub generator: String,
    /// Masks that it painted, where they are others than those of its training or its own.
    pub masks: RowMasks,
    /// Whether volumes are slices of it that were stacked.
    pub stacked: bool,
    /// Whether only plausible pairs are left.
    pub plausible_only: bool,
}

/// Masks that make a row of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RowMasks {
    /// Its own, or those of its training as they are.
    Own,
    /// Those of its training, warped.
    Warped,
    /// Those of another generator.
    Of {
        /// Which.
        generator: String,
        /// Whether only its plausible pairs were left.
        plausible_only: bool,
        /// How often they were warped.
        warps: usize,
    },
}

const AND: &str = " + ";
const COMMA: &str = ", ";
const STACKED: &str = "stacked slices";
const FILTERED: &str = "plausible only";
const WARPED_MASKS: &str = "warped masks";
const MASKS_OF: &str = "masks of ";
const WARPED: &str = "warped";
const PLAUSIBLE: &str = " (plausible only)";

impl RowId {
    /// All images of a generator.
    pub fn of(generator: &str) -> Self {
        Self { made: vec![Made::of(generator)] }
    }

    /// The images of several rows together; none where there are none.
    pub fn together(rows: impl IntoIterator<Item = Self>) -> Option<Self> {
        let made: Vec<Made> = rows.into_iter().flat_map(|row| row.made).collect();
        (!made.is_empty()).then_some(Self { made })
    }

    /// Whether implausible images were left out.
    pub fn is_filtered(&self) -> bool {
        self.made.iter().any(|made| made.plausible_only)
    }

    /// The row of all images, of one from which implausible ones were left out.
    pub fn unfiltered(&self) -> Option<Self> {
        self.is_filtered().then(|| Self {
            made: self
                .made
                .iter()
                .map(|made| Made { plausible_only: false, ..made.clone() })
                .collect(),
        })
    }

    /// Presets behind it, in alphabetical order: those of images, and of masks that were painted.
    pub fn presets(&self) -> Vec<&str> {
        let mut found = vec![];
        for made in &self.made {
            found.push(made.generator.as_str());
            if let RowMasks::Of { generator, .. } = &made.masks {
                found.push(generator);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The same row with every generator called otherwise.
    #[must_use]
    pub fn renamed(&self, name: impl Fn(&str) -> String) -> Self {
        let masks = |masks: &RowMasks| match masks {
            RowMasks::Of { generator, plausible_only, warps } => RowMasks::Of {
                generator: name(generator),
                plausible_only: *plausible_only,
                warps: *warps,
            },
            other => other.clone(),
        };
        let renamed = |made: &Made| Made {
            generator: name(&made.generator),
            masks: masks(&made.masks),
            stacked: made.stacked,
            plausible_only: made.plausible_only,
        };
        Self { made: self.made.iter().map(renamed).collect() }
    }
}

impl Made {
    /// All images of a generator.
    pub fn of(generator: &str) -> Self {
        Self {
            generator: generator.to_owned(),
            masks: RowMasks::Own,
            stacked: false,
            plausible_only: false,
        }
    }

    /// What tells these images from all images of the generator, in words.
    pub fn marks(&self) -> Vec<String> {
        let mut marks = vec![];
        match &self.masks {
            RowMasks::Own => {}
            RowMasks::Warped => marks.push(WARPED_MASKS.to_owned()),
            RowMasks::Of { generator, plausible_only, warps } => {
                let only = if *plausible_only { PLAUSIBLE } else { "" };
                let warped = format!("{COMMA}{WARPED}").repeat(*warps);
                marks.push(format!("{MASKS_OF}{generator}{only}{warped}"));
            }
        }
        if self.stacked {
            marks.push(STACKED.to_owned());
        }
        if self.plausible_only {
            marks.push(FILTERED.to_owned());
        }
        marks
    }
}

impl From<&MaskSource> for RowMasks {
    fn from(source: &MaskSource) -> Self {
        let MaskSource::Painted(painted) = source else { return Self::Own };
        match &painted.masks {
            Masks::Training { .. } if painted.warps > 0 => Self::Warped,
            Masks::Training { .. } => Self::Own,
            Masks::Generated { by, plausible_only } => Self::Of {
                generator: by.clone(),
                plausible_only: *plausible_only,
                warps: painted.warps,
            },
        }
    }
}

impl fmt::Display for RowId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (i, made) in self.made.iter().enumerate() {
            if i > 0 {
                f.write_str(AND)?;
            }
            made.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.generator)?;
        for mark in self.marks() {
            write!(f, "{COMMA}{mark}")?;
        }
        Ok(())
    }
}

impl FromStr for RowId {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self { made: text.split(AND).map(made).collect() })
    }
}

fn made(text: &str) -> Made {
    let (text, plausible_only) = without_mark(text, FILTERED);
    let (text, stacked) = without_mark(text, STACKED);
    let of = |generator: &str, masks: RowMasks| Made {
        masks,
        stacked,
        plausible_only,
        ..Made::of(generator)
    };
    if let (generator, true) = without_mark(text, WARPED_MASKS) {
        return of(generator, RowMasks::Warped);
    }
    let Some((generator, mut other)) = text.split_once(&format!("{COMMA}{MASKS_OF}")) else {
        return of(text, RowMasks::Own);
    };
    let mut warps = 0;
    while let (shorter, true) = without_mark(other, WARPED) {
        (other, warps) = (shorter, warps + 1);
    }
    let (other, only) = without(other, PLAUSIBLE);
    let masks = RowMasks::Of { generator: other.to_owned(), plausible_only: only, warps };
    of(generator, masks)
}

/// The same of a word behind a comma.
fn without_mark<'t>(text: &'t str, mark: &str) -> (&'t str, bool) {
    match text.strip_suffix(mark).and_then(|shorter| shorter.strip_suffix(COMMA)) {
        Some(shorter) => (shorter, true),
        None => (text, false),
    }
}

/// A text without an ending, and whether it had it.
fn without<'t>(text: &'t str, ending: &str) -> (&'t str, bool) {
    match text.strip_suffix(ending) {
        Some(shorter) => (shorter, true),
        None => (text, false),
    }
}

impl From<String> for RowId {
    fn from(text: String) -> Self {
        match text.parse() {
            Ok(row) => row,
        }
    }
}

impl From<&str> for RowId {
    fn from(text: &str) -> Self {
        match text.parse() {
            Ok(row) => row,
        }
    }
}

impl From<RowId> for String {
    fn from(row: RowId) -> Self {
        row.to_string()
    }
}

/// Rows stand in the order of their words.
impl Ord for RowId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.to_string().cmp(&other.to_string())
    }
}

impl PartialOrd for RowId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_read_and_written_again() {
        for (text, presets) in [
            ("wgan-gp", vec!["wgan-gp"]),
            ("spade, warped masks", vec!["spade"]),
            ("spade, masks of lsgan", vec!["lsgan", "spade"]),
            (
                "spade, masks of lsgan (plausible only), warped, plausible only",
                vec!["lsgan", "spade"],
            ),
            ("wgan + lsgan, plausible only", vec!["lsgan", "wgan"]),
            ("spade, warped masks, plausible only + wgan + wgan", vec!["spade", "wgan"]),
            ("stylegan2, stacked slices", vec!["stylegan2"]),
            ("spade, warped masks, stacked slices, plausible only", vec!["spade"]),
            ("a name, with a comma", vec!["a name, with a comma"]),
            ("", vec![""]),
            (", plausible only", vec![""]),
        ] {
            let row = RowId::from(text);
            assert_eq!(row.to_string(), text);
            assert_eq!(row.presets(), presets, "{text}");
        }
    }

    #[test]
    fn what_was_filtered_is_told_from_all() {
        let filtered = RowId::from("spade, masks of lsgan, plausible only");
        assert_eq!(filtered.unfiltered(), Some("spade, masks of lsgan".into()));
        assert_eq!(RowId::from("spade, masks of lsgan (plausible only)").unfiltered(), None);
        let renamed = RowId::from("spade, masks of lsgan").renamed(str::to_uppercase);
        assert_eq!(renamed.to_string(), "SPADE, masks of LSGAN");
    }

    #[test]
    fn rows_stand_in_the_order_of_their_words() {
        let mut rows = ["wgan-gp", "wgan, warped masks", "wgan", "wgan + a"].map(RowId::from);
        rows.sort();
        assert_eq!(rows, ["wgan", "wgan + a", "wgan, warped masks", "wgan-gp"].map(RowId::from));
    }
}
