//! Command lines in one line of text, as a shell takes them, and back.

use super::is_hidden;
use std::fmt::Write as _;

/// An argument as a shell takes it: as it is, in single quotes, or with hidden characters in it as `$'a\nb'`, which
/// bash, zsh
/// and ksh know.
pub fn quote(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    if !argument.contains(is_hidden) {
        return format!("'{}'", argument.replace('\'', r"'\''"));
    }
    let mut out = "$'".to_owned();
    for c in argument.chars() {
        match c {
            '\\' | '\'' => out.extend(['\\', c]),
            c if is_hidden(c) => {
                let _ = write!(out, "\\U{:08x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out + "'"
}

/// Words of a command line as a shell splits it; quotes as [`quote`] writes them.
pub fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut quoted, mut any) = (vec![], String::new(), false, false);
    let mut letters = command.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '$' if !quoted && letters.peek() == Some(&'\'') => {
                letters.next();
                any = true;
                while let Some(letter) = letters.next().filter(|c| *c != '\'') {
                    word.extend(if letter == '\\' { escaped(&mut letters) } else { Some(letter) });
                }
            }
            '\'' => (quoted, any) = (!quoted, true),
            '\\' if !quoted => word.extend(letters.next()),
            c if c.is_whitespace() && !quoted => {
                if any || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                any = false;
            }
            c => word.push(c),
        }
    }
    if any || !word.is_empty() {
        words.push(word);
    }
    words
}

/// What stands behind a backslash.
fn escaped(letters: &mut impl Iterator<Item = char>) -> Option<char> {
    match letters.next()? {
        'U' => {
            let digits: String = letters.take(8).collect();
            u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32)
        }
        other => Some(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_is_one_line_and_comes_back() {
        let arguments =
            ["a", "", "my runs/a'b", "a\nvesalius x", "\u{1b}[31m\\'", "$x `y`", "ü\u{202e}", "$'"];
        let line = arguments.map(quote).join(" ");
        assert!(!line.contains(is_hidden), "{line:?}");
        assert_eq!(words(&line), arguments);
        for broken in ["$'a\\", "$'\\U12", "'a", "\\"] {
            words(broken);
        }
    }

    /// With bash, where there is one.
    #[test]
    fn a_shell_reads_it_as_we_do() {
        let argument = "a\nb \u{1b}[0m'\\ \u{9b}ü";
        let script = format!("printf %s {}", quote(argument));
        let output = std::process::Command::new("bash")
            .args(["-c", &script])
            .env("LC_ALL", "C.UTF-8")
            .output();
        match output {
            Ok(output) => assert_eq!(String::from_utf8_lossy(&output.stdout), argument),
            Err(error) => vesalius_testing::Need::Bash.missing(&error.to_string()),
        }
    }
}
