//! Text that comes out of files is data, never markup, a path or a command.
//!
//! It is checked once, where its file is opened ([`strings`], [`file_stem`], [`label`]), and escaped once per format in which
//! it is shown ([`escape`]). The second does not trust the first: paths and command lines are somebody's own and may hold
//! anything.

pub mod escape;
pub mod file_stem;
pub mod label;
pub mod shell;
pub mod strings;

/// Whether a character is not seen, or makes others be seen elsewhere than they stand: control characters, ends of lines
/// and paragraphs, marks of writing direction, invisible signs and tags. Joiners, without which some scripts cannot be
/// written, are none.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

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
    fn new(found: &str, why: impl Into<String>) -> Self {
        let mut shown: String = found.chars().take(SHOWN).collect();
        if shown.len() < found.len() {
            shown.push('…');
        }
        Self { found: escape::terminal(&shown).into_owned(), why: why.into() }
    }
}
