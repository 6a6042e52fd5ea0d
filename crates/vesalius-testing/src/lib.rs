//! What tests of all crates share: skipping that is seen, and real scans where this machine has them.
//!
//! `VESALIUS_REQUIRE=slurm,browser` makes a test fail that would skip for want of one of these; `VESALIUS_SKIPPED=FILE`
//! collects a line for each that skipped, because `cargo test` hides what tests print that pass.

pub mod pseudo;

use std::io::Write as _;
use std::path::{Path, PathBuf};

/// Something that not every machine has, and tests need.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Slurm's programs (`scripts/slurm_cluster.sh install`).
    Slurm,
    /// Chromium with its driver and axe-core (`scripts/browser.sh`).
    Browser,
    /// The package that carries LPIPS' weights (`make published`).
    Weights,
    /// The real scans that `VESALIUS_DATA` names.
    RealData,
    /// Root that may mount file systems.
    Mount,
    /// `strace`, which counts system calls.
    Strace,
    /// `bash`.
    Bash,
}

impl Need {
    /// The word in `VESALIUS_REQUIRE`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Slurm => "slurm",
            Self::Browser => "browser",
            Self::Weights => "weights",
            Self::RealData => "real-data",
            Self::Mount => "mount",
            Self::Strace => "strace",
            Self::Bash => "bash",
        }
    }

    /// Says that a test, or a part of one, is skipped for want of this, and why.
    ///
    /// # Panics
    /// Where `VESALIUS_REQUIRE` names it.
    #[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
    pub fn missing(self, why: &str) {
        let word = self.word();
        let required = std::env::var("VESALIUS_REQUIRE").unwrap_or_default();
        let required = required.split(',').any(|required| required.trim() == word);
        assert!(!required, "VESALIUS_REQUIRE names {word}, and it is missing: {why}");
        eprintln!("SKIPPED ({word}): {why}");
        if let Some(list) = std::env::var_os("VESALIUS_SKIPPED") {
            let mut list = std::fs::File::options()
                .append(true)
                .create(true)
                .open(&list)
                .unwrap_or_else(|error| panic!("{}: {error}", Path::new(&list).display()));
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            // One write: several tests append at once.
            list.write_all(format!("{word}: {test}: {why}\n").as_bytes()).expect("a line");
        }
    }
}

/// A folder of real scans, where this machine has them.
pub fn real_data(folder: &str) -> Option<PathBuf> {
    let root = std::env::var_os("VESALIUS_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = root.join(folder);
    if path.is_dir() {
        return Some(path);
    }
    let why =
        format!("{} is not there (VESALIUS_DATA names the folder of real scans)", path.display());
    Need::RealData.missing(&why);
    None
}
