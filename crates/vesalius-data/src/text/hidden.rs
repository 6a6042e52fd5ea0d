//! Characters that are not seen.

/// Whether a character is not seen, or makes others be seen elsewhere than they stand: control characters, ends of
/// lines
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
