//! Links LibTorch, and tells the crate its version.

use std::path::Path;

include!("../link.rs");

fn main() {
    println!("cargo:rerun-if-changed=src/terminate.cpp");
    cc::Build::new().cpp(true).std("c++17").file("src/terminate.cpp").compile("vesalius_terminate");
    if let Some(lib) = libtorch() {
        link(&lib, "rustc-link-arg");
        println!("cargo:rustc-env=VESALIUS_LIBTORCH_VERSION={}", version(Path::new(&lib)));
    }
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
