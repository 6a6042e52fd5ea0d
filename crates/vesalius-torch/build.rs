//! Tells the linker where LibTorch is: its folder becomes an rpath, so that binaries start with no environment variable
//! set, and its CUDA half, where there is one, is linked although no symbol of it is named.

use std::path::Path;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") else { return };
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    println!("cargo:rustc-env=VESALIUS_LIBTORCH_LIB={lib}");
    // It registers its kernels when it is loaded; the linker drops a library that nothing asks for, and LibTorch would
    // then see no GPU.
    if Path::new(&lib).join("libtorch_cuda.so").exists() {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed,{lib}/libtorch_cuda.so,--as-needed");
    }
    println!("cargo:rustc-env=VESALIUS_LIBTORCH_VERSION={}", version(Path::new(&lib)));
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
