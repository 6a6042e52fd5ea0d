//! Why a text is refused.

use super::escape;

/// Why a text is none of a kind: what was found, shown so that nothing of it is hidden, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{found}`{why}")]
pub struct Refused {
    found: String,
    why: String,
}

/// Letters of a refused text that are shown.
const SHOWN: usize = 60;

impl Refused {
    pub(super) fn new(found: &str, why: impl Into<String>) -> Self {
        let mut shown: String = found.chars().take(SHOWN).collect();
        if shown.len() < found.len() {
            shown.push('…');
        }
        Self { found: escape::terminal(&shown).into_owned(), why: why.into() }
    }
}
