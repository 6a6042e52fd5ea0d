//! Links LibTorch, tells the crate its version, and compiles what `tch` does not bind.

use std::path::Path;

include!("../link.rs");

fn main() {
    if let Some(lib) = libtorch() {
        bind(Path::new(&lib));
        link(&lib, "rustc-link-arg");
        println!("cargo:rustc-env=VESALIUS_LIBTORCH_VERSION={}", version(Path::new(&lib)));
    }
}

/// Functions of ours in C++, which call LibTorch by its own names or are about its exceptions: an archive of their own, which `crates/vesalius/build.rs`
/// (`DEP_VESALIUS_TORCH_ARCHIVE`) puts behind its door too.
fn bind(lib: &Path) {
    let include = lib.join("../include");
    let sources = ["src/fused_adam.cpp", "src/norm_activation.cpp", "src/terminate.cpp"];
    for source in sources {
        println!("cargo:rerun-if-changed={source}");
    }
    let mut build = cc::Build::new();
    if let Some(openmp) = openmp(lib) {
        // The same library as LibTorch's, so that there is one set of threads.
        build.flag("-fopenmp");
        println!("cargo:rustc-link-search=native={}", lib.display());
        println!("cargo:rustc-link-lib=dylib:+verbatim={openmp}");
    }
    build
        .cpp(true)
        .std("c++17")
        .include(include)
        .flag_if_supported("-w") // of LibTorch's headers
        .opt_level(3) // a development build's tests train too
        .flag_if_supported("-fno-trapping-math") // of loops that choose, many values at a time
        .flag_if_supported("-fno-math-errno")
        .files(sources)
        .compile("vesalius_bound");
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    println!("cargo:archive={}", Path::new(&out).join("libvesalius_bound.a").display());
}

/// File name of the OpenMP that LibTorch carries: `None` where it carries none, and loops of ours take one thread.
fn openmp(lib: &Path) -> Option<String> {
    let names = std::fs::read_dir(lib).ok()?.flatten().map(|entry| entry.file_name());
    let mut names = names.filter_map(|name| name.into_string().ok());
    let found = names.find(|name| name.starts_with("libgomp") && name.contains(".so"));
    if found.is_none() {
        println!("cargo:warning=no libgomp in {}: some layers will take one thread", lib.display());
    }
    found
}

/// As LibTorch's own header has it: a library that the user brings need not be the pinned one.
fn version(lib: &Path) -> String {
    let header = lib.join("../include/torch/headeronly/version.h");
    let text = std::fs::read_to_string(&header).unwrap_or_default();
    let number = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(&format!("#define {name} ")));
        line.map_or("?", str::trim).to_owned()
    };
    ["TORCH_VERSION_MAJOR", "TORCH_VERSION_MINOR", "TORCH_VERSION_PATCH"].map(number).join(".")
}
