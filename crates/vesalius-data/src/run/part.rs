//! What of its subject a score is about: a type whose words are those of `scores.of` in a result.

use serde::{Deserialize, Serialize};
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A part of what was measured; a score without one is of the whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Part {
    /// Mean over the classes, of Dice in a unit.
    Mean(DiceUnit),
    /// One class, of Dice in a unit; of pairs the class stands alone, and is [`Part::Named`] when it is read again.
    Class(DiceUnit, String),
    /// One test patient.
    Patient(String),
    /// One reader of a visual Turing test.
    Reader(String),
    /// One rule of anatomy.
    Rule(String),
    /// Validation patients, who chose and did not judge.
    Validation,
    /// A training at its best checkpoint.
    BestDuringTraining,
    /// As many synthetic as real samples.
    MatchedCounts,
    /// Images of the same file name.
    Pairs,
    /// Synthetic images, each with its nearest real one.
    NearestReal,
    /// Pairs of different synthetic images.
    RandomSyntheticPairs,
    /// Pairs of different real images.
    RandomRealPairs,
    /// The same of real images that trained nothing.
    HeldOut,
    /// Real masks of patients who taught no rule.
    HeldOutReal,
    /// Mean Dice of real test pairs.
    RealTestMean,
    /// Compared by features instead of pixels.
    Features,
    /// A quantile over the synthetic images, or over held-out real ones.
    Quantile {
        /// Which.
        at: Quantile,
        /// Whether of held-out real images.
        held_out: bool,
    },
    /// What has a name of its own: a class of pairs, a kind of planted copies.
    Named(String),
}

/// What Dice is the mean of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DiceUnit {
    /// Volumes.
    Volume,
    /// Slices.
    Slice,
    /// All pixels together.
    Pooled,
    /// Synthetic pairs.
    Pair,
}

/// A quantile that is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Quantile {
    /// 0.5.
    Median,
    /// 0.95.
    Q95,
    /// 1.
    Max,
}

const PATIENT: &str = "patient/";
const READER: &str = "reader/";
const RULE: &str = "rule/";
const MEAN: &str = "mean";
const HELD_OUT: &str = "held_out ";

impl DiceUnit {
    /// Units with a word in front of the class.
    const NAMED: [Self; 3] = [Self::Volume, Self::Slice, Self::Pooled];

    /// In protocols.
    pub const fn dice(self) -> &'static str {
        match self {
            Self::Volume => "Dice of each volume",
            Self::Slice => "Dice of each slice",
            Self::Pooled => "Dice of all slices together",
            Self::Pair => "Dice of each pair",
        }
    }

    /// In files, before a class.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Volume => "per_volume",
            Self::Slice => "per_slice",
            Self::Pooled => "pooled",
            Self::Pair => "",
        }
    }
}

impl Quantile {
    /// All of them, ascending.
    pub const ALL: [Self; 3] = [Self::Median, Self::Q95, Self::Max];

    /// From 0 to 1.
    pub const fn q(self) -> f64 {
        match self {
            Self::Median => 0.5,
            Self::Q95 => 0.95,
            Self::Max => 1.0,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Median => "median",
            Self::Q95 => "q95",
            Self::Max => "max",
        }
    }
}

impl Part {
    /// The mean over units and classes of a U-Net's Dice: what its training set is worth.
    pub const PER_VOLUME_MEAN: Self = Self::Mean(DiceUnit::Volume);

    /// Parts of one word each.
    const PLAIN: [(&'static str, Self); 11] = [
        ("validation", Self::Validation),
        ("best_during_training", Self::BestDuringTraining),
        ("matched counts", Self::MatchedCounts),
        ("pairs", Self::Pairs),
        ("nearest real", Self::NearestReal),
        ("random synthetic pairs", Self::RandomSyntheticPairs),
        ("random real pairs", Self::RandomRealPairs),
        ("held_out", Self::HeldOut),
        ("held-out real", Self::HeldOutReal),
        ("real test mean", Self::RealTestMean),
        ("features", Self::Features),
    ];

    /// Whether it is of real images or masks beside the synthetic ones, for scale.
    pub const fn is_of_real(&self) -> bool {
        matches!(
            self,
            Self::HeldOut
                | Self::HeldOutReal
                | Self::RealTestMean
                | Self::RandomRealPairs
                | Self::Quantile { held_out: true, .. }
        )
    }

    /// In words, for terminals and headings: [`Part`]'s own text is that of files.
    pub fn words(&self) -> String {
        let in_unit = |unit: DiceUnit, name: &str| match unit {
            DiceUnit::Pair => name.to_owned(),
            unit => format!("{}, {name}", unit.word().replace('_', " ")),
        };
        match self {
            Self::Mean(unit) => in_unit(*unit, MEAN),
            Self::Class(unit, name) => in_unit(*unit, name),
            Self::Patient(name) => format!("patient {name}"),
            Self::Reader(name) => format!("reader {name}"),
            // A rule's name says what it is.
            Self::Rule(name) | Self::Named(name) => name.clone(),
            Self::BestDuringTraining => "best during training".to_owned(),
            Self::HeldOut => "held-out images".to_owned(),
            Self::Quantile { at, held_out } => {
                let at = match at {
                    Quantile::Median => "median",
                    Quantile::Q95 => "95 % quantile",
                    Quantile::Max => "maximum",
                };
                format!("{at}{}", if *held_out { " of held-out images" } else { "" })
            }
            plain => plain.to_string(),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let in_unit = |f: &mut fmt::Formatter, unit: DiceUnit, name: &str| match unit {
            DiceUnit::Pair => f.write_str(name),
            unit => write!(f, "{}/{name}", unit.word()),
        };
        match self {
            Self::Mean(unit) => in_unit(f, *unit, MEAN),
            Self::Class(unit, name) => in_unit(f, *unit, name),
            Self::Patient(name) => write!(f, "{PATIENT}{name}"),
            Self::Reader(name) => write!(f, "{READER}{name}"),
            Self::Rule(name) => write!(f, "{RULE}{name}"),
            Self::Quantile { at, held_out } => {
                write!(f, "{}{}", if *held_out { HELD_OUT } else { "" }, at.word())
            }
            Self::Named(name) => f.write_str(name),
            plain => {
                let word = Self::PLAIN.iter().find(|(_, part)| part == plain);
                f.write_str(word.map_or("", |(word, _)| word))
            }
        }
    }
}

impl FromStr for Part {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(known(text).unwrap_or_else(|| Self::Named(text.to_owned())))
    }
}

fn known(text: &str) -> Option<Part> {
    if text == MEAN {
        return Some(Part::Mean(DiceUnit::Pair));
    }
    if let Some((_, part)) = Part::PLAIN.iter().find(|(word, _)| *word == text) {
        return Some(part.clone());
    }
    let (held_out, rest) = match text.strip_prefix(HELD_OUT) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    if let Some(at) = Quantile::ALL.into_iter().find(|quantile| quantile.word() == rest) {
        return Some(Part::Quantile { at, held_out });
    }
    let (before, name) = text.split_once('/')?;
    if let Some(unit) = DiceUnit::NAMED.into_iter().find(|unit| unit.word() == before) {
        return Some(match name {
            MEAN => Part::Mean(unit),
            class => Part::Class(unit, class.to_owned()),
        });
    }
    let prefixed = |prefix: &str| text.strip_prefix(prefix).map(ToOwned::to_owned);
    prefixed(PATIENT)
        .map(Part::Patient)
        .or_else(|| prefixed(READER).map(Part::Reader))
        .or_else(|| prefixed(RULE).map(Part::Rule))
}

impl From<String> for Part {
    fn from(text: String) -> Self {
        match text.parse() {
            Ok(part) => part,
        }
    }
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        match text.parse() {
            Ok(part) => part,
        }
    }
}

impl From<Part> for String {
    fn from(part: Part) -> Self {
        part.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_result_is_read_and_written_again() {
        let class = |unit, name: &str| Part::Class(unit, name.to_owned());
        let mut parts = vec![
            ("per_volume/mean", Part::PER_VOLUME_MEAN),
            ("per_slice/LV cavity", class(DiceUnit::Slice, "LV cavity")),
            ("pooled/mean", Part::Mean(DiceUnit::Pooled)),
            ("pooled/a/b", class(DiceUnit::Pooled, "a/b")),
            ("mean", Part::Mean(DiceUnit::Pair)),
            ("LV cavity", Part::Named("LV cavity".into())),
            ("exact", Part::Named("exact".into())),
            ("patient/p/1", Part::Patient("p/1".into())),
            ("patient/", Part::Patient(String::new())),
            ("reader/anna", Part::Reader("anna".into())),
            ("rule/disc area", Part::Rule("disc area".into())),
            ("median", Part::Quantile { at: Quantile::Median, held_out: false }),
            ("held_out q95", Part::Quantile { at: Quantile::Q95, held_out: true }),
            ("something/else", Part::Named("something/else".into())),
            ("", Part::Named(String::new())),
        ];
        parts.extend(Part::PLAIN);
        for (text, part) in parts {
            assert_eq!(Part::from(text), part);
            assert_eq!(part.to_string(), text);
        }
    }

    #[test]
    fn words_for_readers_hold_nothing_of_files() {
        let said = |text: &str| Part::from(text).words();
        for (_, part) in Part::PLAIN {
            assert!(!part.words().contains(['_', '/']), "{part}");
        }
        for (text, words) in [
            ("per_volume/mean", "per volume, mean"),
            ("per_slice/LV_cavity", "per slice, LV_cavity"),
            ("pooled/mean", "pooled, mean"),
            ("mean", "mean"),
            ("patient/p_1", "patient p_1"),
            ("reader/anna", "reader anna"),
            ("rule/disc area", "disc area"),
            ("held_out", "held-out images"),
            ("held_out q95", "95 % quantile of held-out images"),
            ("max", "maximum"),
        ] {
            assert_eq!(said(text), words);
        }
    }

    #[test]
    fn a_name_that_sounds_like_a_word_is_a_name() {
        assert!(!Part::from("rule/held_out real test").is_of_real());
        assert!(!Part::from("patient/random real pairs").is_of_real());
        for text in
            ["held_out", "held-out real", "held_out max", "real test mean", "random real pairs"]
        {
            assert!(Part::from(text).is_of_real(), "{text}");
        }
    }
}
