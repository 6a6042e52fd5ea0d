//! Where LibTorch lies: the first of these that has it, and of the right version.
//!
//! `LIBTORCH`, if set, names its folder (the one with `lib/`), and nothing else is tried, but where `LIBTORCH_USE_PYTORCH`
//! is set it is ignored, as in the build; `lib/` beside the program's file or beside its folder; the PyTorch of the Python
//! environment that the program lies in; what `vesalius setup` fetched; what the program was built with.

use std::fmt;
use std::path::{Path, PathBuf};
use vesalius_data::files::cache;

/// The library of LibTorch that all others of it stand on or are reached through.
pub const CPU: &str = "libtorch_cpu.so";

/// Whose LibTorch it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    Variable,
    Beside,
    Environment,
    Setup,
    Build,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Variable => "named by LIBTORCH",
            Self::Beside => "beside the program",
            Self::Environment => "PyTorch of this environment",
            Self::Setup => "fetched by `vesalius setup`",
            Self::Build => "the one of the build",
        })
    }
}

/// The folder of its libraries.
#[derive(Debug, Clone)]
pub struct Found {
    pub lib: PathBuf,
    pub source: Source,
}

/// The folder of LibTorch that `vesalius setup` fetches.
pub fn of_setup() -> Option<PathBuf> {
    let folder = format!("libtorch-{}", vesalius_torch::LIBTORCH_VERSION);
    Some(cache::folder().ok()?.join(folder))
}

/// Searches.
///
/// # Errors
/// In one line: where it was looked for, what was found there and what was expected.
pub fn search() -> Result<Found, String> {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if is_set("LIBTORCH") && !is_set("LIBTORCH_USE_PYTORCH") {
        return named(Path::new(&std::env::var_os("LIBTORCH").unwrap_or_default()));
    }
    let program = std::env::current_exe().unwrap_or_default();
    let bin = program.parent().unwrap_or(Path::new(""));
    let mut places = vec![(bin.join("lib"), Source::Beside)];
    places.extend(bin.parent().map(|above| (above.join("lib"), Source::Beside)));
    let (torch, others) = environment(bin);
    places.extend(torch.map(|torch| (torch.join("lib"), Source::Environment)));
    places.extend(of_setup().map(|folder| (folder.join("lib"), Source::Setup)));
    // Empty in a program that was built for other machines.
    if !env!("VESALIUS_LIBTORCH").is_empty() {
        places.push((env!("VESALIUS_LIBTORCH").into(), Source::Build));
    }
    if let Some((lib, source)) = places.iter().find(|(lib, _)| lib.join(CPU).exists()) {
        return Ok(Found { lib: lib.clone(), source: *source });
    }
    let tried: Vec<_> = places.iter().map(|(lib, _)| lib.display().to_string()).collect();
    let version = vesalius_torch::LIBTORCH_VERSION;
    let others = others.map_or_else(String::new, |other| format!("; {other}"));
    Err(format!(
        "LibTorch is missing: no {CPU} in {}{others}; expected LibTorch {version}: `vesalius setup` fetches it, `pip install \
         torch=={version}` brings it, or LIBTORCH=/path/to/libtorch names it",
        tried.join(", ")
    ))
}

fn named(folder: &Path) -> Result<Found, String> {
    let lib = folder.join("lib");
    if lib.join(CPU).exists() {
        return Ok(Found { lib, source: Source::Variable });
    }
    let found = if lib.is_dir() {
        format!("lib/ there has no {CPU}")
    } else if folder.is_dir() {
        "it has no folder lib".to_owned()
    } else {
        "no such folder".to_owned()
    };
    Err(format!(
        "LIBTORCH={}: {found}; expected the folder of LibTorch {}, with lib/{CPU}",
        folder.display(),
        vesalius_torch::LIBTORCH_VERSION
    ))
}

/// The `torch` of the Python environment whose `bin/` this is, where it is of the version that the program was built
/// for; else what there is instead.
fn environment(bin: &Path) -> (Option<PathBuf>, Option<String>) {
    let Some(entries) = bin.parent().and_then(|root| std::fs::read_dir(root.join("lib")).ok())
    else {
        return (None, None);
    };
    let is_python = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python3."))
    };
    let mut pythons: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(is_python).collect();
    pythons.sort();
    let torches = pythons.into_iter().map(|python| python.join("site-packages/torch"));
    let mut other = None;
    for torch in torches {
        let Some(version) = version_of(&torch) else { continue };
        // `2.13.0+cpu` and `2.13.0+cu130` are one version.
        if version.split('+').next() == Some(vesalius_torch::LIBTORCH_VERSION) {
            return (Some(torch), None);
        }
        other = Some(format!("PyTorch {version} in {} is another version", torch.display()));
    }
    (None, other)
}

/// What `torch/version.py` says.
fn version_of(torch: &Path) -> Option<String> {
    let text = vesalius_data::files::read::text(&torch.join("version.py")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("__version__ = "))?;
    Some(line.trim().trim_matches(['\'', '"']).to_owned())
}
