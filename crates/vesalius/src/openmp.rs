//! What OpenMP's threads do while they wait for each other: LibTorch computes in them.
//!
//! GCC's OpenMP lets a thread that waits spin 300,000 rounds before it sleeps, however many others want its processor.
//! Alone that costs nothing; beside other work steps take several times as long, because threads that hold the work wait
//! for a processor on which others of ours spin. Sleeping at once costs an idle machine a quarter. A short spin has
//! nearly the best of both (measured: docs/decisions/libtorch.md).

use std::ffi::{OsStr, OsString};

/// Rounds that a thread spins before it sleeps; measured by `bench/spin_rounds.py`.
const SPINS: &str = "5000";

/// What users say to OpenMP about waiting: GCC's, and LLVM's and Intel's, which a LibTorch may bring instead.
const OF_WAITING: [&str; 5] =
    ["OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY", "KMP_USE_YIELD"];

/// Chooses how long OpenMP's threads spin, unless the user has chosen. Only what is loaded later hears of it: to be
/// called first thing in main, before any thread and before LibTorch. Programs that this one starts inherit it.
#[expect(unsafe_code, reason = "set_var is unsafe beside other threads: see below")]
pub fn choose_waiting() {
    if !is_chosen(std::env::vars_os()) {
        // SAFETY: called first thing in main, before any other thread exists.
        unsafe { std::env::set_var("GOMP_SPINCOUNT", SPINS) };
    }
}

/// Whether these variables say anything about waiting.
fn is_chosen(variables: impl IntoIterator<Item = (OsString, OsString)>) -> bool {
    variables.into_iter().any(|(name, value)| {
        // OpenMP ignores an empty one.
        !value.is_empty() && OF_WAITING.iter().any(|known| name == OsStr::new(known))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_user_says_of_waiting_wins_and_nothing_else_counts() {
        let chosen = |name: &str, value: &str| is_chosen([(name.into(), value.into())]);
        for name in OF_WAITING {
            assert!(chosen(name, "0"), "{name}");
            assert!(!chosen(name, ""), "{name} is empty");
        }
        for name in ["OMP_NUM_THREADS", "GOMP_CPU_AFFINITY", "OMP_WAIT", "PATH", "gomp_spincount"] {
            assert!(!chosen(name, "1"), "{name}");
        }
        assert!(!is_chosen([]));
    }
}
