//! The verdict of a copying audit, as results say it.

/// What an audit concluded, from the best to the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing beyond what real images show.
    NoneFound,
    /// Something that chance hardly explains.
    Suspicious,
    /// Training images come out again.
    Copying,
}

impl Level {
    /// Word in a result (`settings.level`).
    pub const fn name(self) -> &'static str {
        match self {
            Self::NoneFound => "none_found",
            Self::Suspicious => "suspicious",
            Self::Copying => "copying",
        }
    }

    /// The level of this word.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::NoneFound, Self::Suspicious, Self::Copying].into_iter().find(|l| l.name() == name)
    }

    /// Whether it speaks against sharing the images.
    pub fn is_bad(self) -> bool {
        self == Self::Copying
    }
}
