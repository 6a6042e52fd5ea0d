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
}
