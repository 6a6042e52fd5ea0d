//! Where other projects' decoders run: a panic of theirs is an error of the file that they were given, not a fault of
//! the program.

use crate::text::panic::message;
use anyhow::{Result, anyhow};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is inside of [`guarded`]: for panic hooks, which have nothing to say of it.
pub fn is_guarded() -> bool {
    GUARDED.get()
}

/// Runs a decoder on bytes that may be anything.
///
/// # Errors
/// Its own; and one in a line where it panics.
pub(crate) fn guarded<T>(decode: impl FnOnce() -> Result<T>) -> Result<T> {
    let outer = GUARDED.replace(true);
    // What a decoder was at work on is dropped with it.
    let outcome = catch_unwind(AssertUnwindSafe(decode));
    GUARDED.set(outer);
    outcome.unwrap_or_else(|panic| {
        let text = message(&*panic);
        let line: String = text.lines().next().unwrap_or_default().chars().take(200).collect();
        Err(anyhow!("damaged in a way that its decoder does not expect: {line}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;

    type Decode = Box<dyn FnOnce() -> Result<u8>>;

    #[test]
    fn a_panic_is_an_error_in_one_line_and_the_next_file_is_read() {
        let text = String::from("built at run time\nsecond line");
        let fails: [(&str, Decode); 4] = [
            ("left: 1", Box::new(|| panic!("left: 1\n right: 2"))),
            ("built at run time", Box::new(move || panic!("{text}"))),
            ("expected more", Box::new(|| bail!("expected more"))),
            ("inner", Box::new(|| guarded(|| panic!("inner")))),
        ];
        for (part, decode) in fails {
            let error = guarded(decode).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains('\n'), "{error}");
            assert!(!is_guarded());
        }
        assert!(guarded(|| Ok(is_guarded())).unwrap());
    }
}
