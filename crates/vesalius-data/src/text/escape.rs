//! One function for each format in which foreign text is shown. What they are given is text, never markup.

use super::hidden::is_hidden;
use std::borrow::Cow;
use std::fmt::Write as _;

/// One line of a terminal or a log: hidden characters are shown as `\n`, `\u{1b}`, ….
pub fn terminal(text: &str) -> Cow<'_, str> {
    visible(text, |_| false)
}

/// The same of several lines.
pub fn lines(text: &str) -> Cow<'_, str> {
    visible(text, |c| c == '\n')
}

fn visible(text: &str, kept: impl Fn(char) -> bool) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && !kept(c);
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            '\n' | '\r' | '\t' if hidden(c) => out.extend(c.escape_default()),
            c if hidden(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// JSON that goes to a terminal: inside its strings JSON has a word for every character, and outside there are none of
/// these.
pub fn json(text: &str) -> Cow<'_, str> {
    let hidden = |c: char| is_hidden(c) && c != '\n';
    if !text.contains(hidden) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if hidden(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                let _ = write!(out, "\\u{unit:04x}");
            }
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

/// Text of an element or attribute of HTML, SVG and XML.
pub fn html(text: &str) -> String {
    lines(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}

/// A field of a CSV file, quoted where it has to be (RFC 4180).
///
/// Spreadsheets calculate what begins with `=`, `+`, `-` or `@`, blanks before it or not, also in a file that somebody
/// else
/// made: such a text gets an apostrophe in front, as OWASP advises. Numbers stay numbers.
pub fn csv(text: &str) -> String {
    let text = terminal(text);
    let start = text.trim_start();
    let formula =
        start.len() > 1 && start.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠']);
    let apostrophe = if formula && text.parse::<f64>().is_err() { "'" } else { "" };
    if text.contains([',', '"']) || text.trim() != text {
        format!("\"{apostrophe}{}\"", text.replace('"', "\"\""))
    } else {
        format!("{apostrophe}{text}")
    }
}

/// Text that LaTeX sets as it stands.
pub fn latex(text: &str) -> String {
    let text = terminal(text);
    // A row that ended just before would take these for its own.
    let mut out = if text.starts_with(['[', '*']) { "{}".to_owned() } else { String::new() };
    for c in text.chars() {
        let instead = match c {
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                out.push('\\');
                out.push(c);
                continue;
            }
            '\\' => "\\textbackslash{}",
            '~' => "\\textasciitilde{}",
            '^' => "\\textasciicircum{}",
            '|' => "\\textbar{}",
            '–' => "--",
            '−' => "$-$",
            '±' => "$\\pm$",
            '∞' => "$\\infty$",
            'ρ' => "$\\rho$",
            'τ' => "$\\tau$",
            '↓' => "$\\downarrow$",
            '↑' => "$\\uparrow$",
            '<' => "$<$",
            '>' => "$>$",
            _ => {
                out.push(c);
                continue;
            }
        };
        out.push_str(instead);
    }
    out
}

/// A line of a LaTeX comment: it ends where the file's line does.
pub fn latex_comment(text: &str) -> Cow<'_, str> {
    terminal(text)
}

/// Text of a line of Markdown, also in a table: no markup, no link, no HTML. Signs that mean nothing where they stand
/// (`a_b`, `[0.1, 0.2]`) stay as they are.
pub fn markdown(text: &str) -> String {
    let text = terminal(text);
    let letters: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len() + 16);
    let digits = letters.iter().take_while(|c| c.is_ascii_digit()).count();
    for (i, &c) in letters.iter().enumerate() {
        let next = letters.get(i + 1).copied().unwrap_or(' ');
        let before = if i == 0 { ' ' } else { letters[i - 1] };
        match c {
            '<' if next.is_ascii_alphabetic() || ['/', '!', '?'].contains(&next) => {
                out.push_str("&lt;");
            }
            '&' if next == '#' || next.is_ascii_alphabetic() => out.push_str("&amp;"),
            '\\' | '`' | '*' | '|' | '$' => out.extend(['\\', c]),
            '_' if !(before.is_alphanumeric() && next.is_alphanumeric()) => out.extend(['\\', c]),
            '~' if next == '~' || before == '~' => out.extend(['\\', c]),
            ']' if ['(', '[', ':'].contains(&next) => out.extend(['\\', c]),
            '!' if next == '[' => out.extend(['\\', c]),
            // Addresses become links by themselves.
            ':' if next == '/' => out.extend(['\\', c]),
            '.' if i >= 3 && www(&letters[i - 3..i]) => out.extend(['\\', c]),
            // A heading, a quotation, a list.
            '#' | '>' | '+' | '-' | '=' if i == 0 => out.extend(['\\', c]),
            '.' | ')' if i == digits && i > 0 && next == ' ' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

fn www(letters: &[char]) -> bool {
    letters.iter().all(|c| c.eq_ignore_ascii_case(&'w'))
}

/// Lines of Markdown that stay as they are: between fences longer than any in the text.
pub fn markdown_code(text: &str) -> String {
    let text = lines(text);
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    format!("{fence}\n{}\n{fence}", text.trim_end_matches('\n'))
}

/// Name of a file as the address of a link in Markdown: everything but plain letters as `%20`.
pub fn markdown_link(file: &str) -> String {
    let mut out = String::new();
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_./~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminals_show_what_they_would_obey() {
        for (text, shown) in [
            ("Müller (2) 心 −1 ± 2", "Müller (2) 心 −1 ± 2"),
            ("a\nok: b\r\tc", "a\\nok: b\\r\\tc"),
            ("\u{1b}]0;x\u{7}\u{1b}[31m", "\\u{1b}]0;x\\u{7}\\u{1b}[31m"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("gpj\u{202e}.exe", "gpj\\u{202e}.exe"),
        ] {
            assert_eq!(terminal(text), shown);
        }
        assert_eq!(lines("a\nb\u{7}\n"), "a\nb\\u{7}\n");
        let value = serde_json::json!({"a": "\u{9b}\u{202e}\u{e0041}\u{1b}\n"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        assert!(!json(&text).contains(|c| is_hidden(c) && c != '\n'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json(&text)).unwrap(), value);
    }

    #[test]
    fn spreadsheets_calculate_nothing_and_numbers_stay_numbers() {
        for (text, cell) in [
            ("acdc", "acdc"),
            ("-0.05", "-0.05"),
            ("+1e-3", "+1e-3"),
            ("A, \"B\"", "\"A, \"\"B\"\"\""),
            ("=1+1", "'=1+1"),
            ("=HYPERLINK(\"http://x\",\"y\")", "\"'=HYPERLINK(\"\"http://x\"\",\"\"y\"\")\""),
            ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =1+1", "\"' =1+1\""),
            ("\t=1+1", "\\t=1+1"),
            ("\r=1", "\\r=1"),
            ("＝1+1", "'＝1+1"),
            ("-", "-"),
            ("", ""),
        ] {
            assert_eq!(csv(text), cell);
        }
    }

    #[test]
    fn latex_sets_what_it_would_run() {
        assert_eq!(latex("a_b 95 % ρ −1"), "a\\_b 95 \\% $\\rho$ $-$1");
        assert_eq!(latex("[2ex] x"), "{}[2ex] x");
        let evil = "x\n\\input{/etc/passwd} ^^5cwrite18{id} $a$ & # ~ |";
        let set = latex(evil);
        assert!(!set.contains('\n'));
        let plain = set.replace("\\textbackslash{}", "").replace("\\textasciicircum{}", "");
        for word in ["\\input", "\\write", "^^", " $a", " & ", " # ", " ~ "] {
            assert!(!plain.contains(word), "{set}");
        }
        assert!(!latex_comment(evil).contains('\n'));
    }

    #[test]
    fn markdown_shows_what_it_would_mark_up() {
        for (text, shown) in [
            ("frechet_distance [0.1, 0.2] (2 runs)", "frechet_distance [0.1, 0.2] (2 runs)"),
            ("p < 0.001", "p < 0.001"),
            ("a | b", "a \\| b"),
            ("<script>x</script>", "&lt;script>x&lt;/script>"),
            ("&lt; & &#60;", "&amp;lt; & &amp;#60;"),
            ("[x](javascript:y)", "[x\\](javascript:y)"),
            ("![x](y)", "\\![x\\](y)"),
            ("[x]: y", "[x\\]: y"),
            ("http://x.org www.x.org", "http\\://x.org www\\.x.org"),
            ("`a` **b** _c_", "\\`a\\` \\*\\*b\\*\\* \\_c\\_"),
            ("# a", "\\# a"),
            ("- a", "\\- a"),
            ("12. a", "12\\. a"),
            ("12.5 a", "12.5 a"),
            ("a\n\n# b", "a\\\\n\\\\n# b"),
        ] {
            assert_eq!(markdown(text), shown, "{text}");
        }
        assert_eq!(markdown_code("a\n```\nb\n"), "````\na\n```\nb\n````");
        assert_eq!(markdown_link("a b)(ü.html"), "a%20b%29%28%C3%BC.html");
    }

    #[test]
    fn html_and_svg_show_what_they_would_be() {
        assert_eq!(html("<a b='c'>\"&\u{1b}\n"), "&lt;a b=&#39;c&#39;&gt;&quot;&amp;\\u{1b}\n");
    }
}
