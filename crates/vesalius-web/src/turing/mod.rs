//! The visual Turing test: readers say of each image whether it is real or synthetic, and how sure they are.
//!
//! `draw` decides who sees what, `picture` makes every image alike but for what it shows, `store` keeps sessions and
//! answers
//! in one SQLite file, `score` turns answers into numbers. Serving it is the web's business ([`crate`]).

pub mod create;
pub mod draw;
pub mod picture;
pub mod score;
pub mod stage;
pub mod store;
pub mod token;
pub mod write;

use serde::{Deserialize, Serialize};
use vesalius_statistics::detection::CONFIDENCES;

/// What an image is. Readers never learn it from anything but the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Of a test patient.
    Real,
    /// Of a generator.
    Synthetic,
}

impl Kind {
    /// As files have it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Synthetic => "synthetic",
        }
    }

    /// The kind of a name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Real, Self::Synthetic].into_iter().find(|kind| kind.name() == name)
    }
}

/// What a reader thinks of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rating {
    /// What it was taken for.
    pub verdict: Kind,
    /// How surely, 1 (a guess) to 5 (certain).
    pub confidence: u8,
}

impl Rating {
    /// Whether the confidence is one of [`CONFIDENCES`].
    pub fn is_valid(self) -> bool {
        (1..=CONFIDENCES).contains(&usize::from(self.confidence))
    }
}
