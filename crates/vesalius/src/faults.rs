//! What a panic says: one line, and never a page of stack frames. Too little memory is the usual cause: LibTorch's
//! errors
//! reach us as panics of its bindings.

use std::panic::{PanicHookInfo, UnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use vesalius_data::formats::guard::is_guarded;
use vesalius_data::say;

/// sysexits.h's `EX_SOFTWARE`.
const FAULT: u8 = 70;

/// Whether memory was what lacked.
static NO_MEMORY: AtomicBool = AtomicBool::new(false);

/// Words of allocators that have nothing to give: LibTorch's, C++'s, CUDA's; and of oneDNN, whose kernels find no room
/// (what it has no kernel for is a `primitive descriptor`, before that).
const ALLOCATORS: [&str; 5] = [
    "can't allocate memory",
    "bad_alloc",
    "out of memory",
    "Cannot allocate memory",
    "could not create a primitive\"",
];

/// Runs a command; a panic is said in one line, by [`explain`], and ends in an exit code of its own.
pub fn guard(command: impl FnOnce() -> ExitCode + UnwindSafe) -> ExitCode {
    std::panic::set_hook(Box::new(explain));
    catch_unwind(command).unwrap_or_else(|_| {
        ExitCode::from(if NO_MEMORY.load(Ordering::Relaxed) { 2 } else { FAULT })
    })
}

fn explain(fault: &PanicHookInfo) {
    if is_guarded() {
        return; // an error of the file, said where it is reported
    }
    let payload = fault.payload();
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_default();
    match what(&text) {
        What::NoMemory(asked) => {
            NO_MEMORY.store(true, Ordering::Relaxed);
            say!(
                "error: not enough memory{asked}; expected more, or less to do at once (a smaller batch, smaller networks, \
                 fewer --threads)"
            );
        }
        What::Fault(line) => {
            let place = fault.location().map_or_else(String::new, |place| format!(" at {place}"));
            say!(
                "error: a fault of vesalius itself{place}: {line}; please report it (RUST_BACKTRACE=1 tells more)"
            );
            if std::env::var_os("RUST_BACKTRACE").is_some_and(|wish| wish != "0") {
                let trace = std::backtrace::Backtrace::force_capture().to_string();
                for line in trace.lines() {
                    say!("{line}");
                }
            }
        }
    }
}

enum What {
    NoMemory(String),
    Fault(String),
}

fn what(text: &str) -> What {
    if ALLOCATORS.iter().any(|words| text.contains(words)) {
        let asked = text.split("tried to allocate ").nth(1).and_then(|rest| {
            let amount: String = rest.chars().take_while(|c| *c != '.' && *c != '\n').collect();
            (!amount.is_empty()).then(|| format!(" (asked for {})", amount.trim()))
        });
        return What::NoMemory(asked.unwrap_or_default());
    }
    What::Fault(text.lines().next().unwrap_or("no message").chars().take(300).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn allocators_of_every_kind_are_understood_and_faults_stay_one_line() {
        for (text, expected) in [
            (
                "called `Result::unwrap()` on an `Err` value: Torch(\"[enforce fail at alloc_cpu.cpp:127] err == 0. \
                 DefaultCPUAllocator: can't allocate memory: you tried to allocate 16777216 bytes. Error code 12\\nframe\")",
                " (asked for 16777216 bytes)",
            ),
            ("Torch(\"std::bad_alloc\")", ""),
            ("CUDA out of memory. Tried to allocate 2 GiB", ""),
            (
                "called `Result::unwrap()` on an `Err` value: Torch(\"could not create a primitive\")",
                "",
            ),
        ] {
            assert!(matches!(what(text), What::NoMemory(asked) if asked == expected), "{text}");
        }
        let no_kernel = "Torch(\"could not create a primitive descriptor for a convolution\")";
        assert!(matches!(what(no_kernel), What::Fault(_)));
        let fault = what("index out of bounds\nframe #0");
        assert!(matches!(fault, What::Fault(line) if line == "index out of bounds"));
    }
}
