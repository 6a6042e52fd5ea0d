//! Links LibTorch, tells the crate its version, and compiles what `tch` does not bind.

use std::path::Path;

include!("../link.rs");

fn main() {
    println!("cargo:rerun-if-changed=src/terminate.cpp");
    cc::Build::new().cpp(true).std("c++17").file("src/terminate.cpp").compile("vesalius_terminate");
    if let Some(lib) = libtorch() {
        bind(&Path::new(&lib).join("../include"));
        link(&lib, "rustc-link-arg");
        println!("cargo:rustc-env=VESALIUS_LIBTORCH_VERSION={}", version(Path::new(&lib)));
    }
}

/// Functions of ours that call LibTorch by its own names: an archive of their own, which `crates/vesalius/build.rs`
/// (`DEP_VESALIUS_TORCH_ARCHIVE`) puts behind its door too.
fn bind(include: &Path) {
    println!("cargo:rerun-if-changed=src/fused_adam.cpp");
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .include(include)
        .flag_if_supported("-w") // of LibTorch's headers
        .file("src/fused_adam.cpp")
        .compile("vesalius_bound");
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    println!("cargo:archive={}", Path::new(&out).join("libvesalius_bound.a").display());
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
