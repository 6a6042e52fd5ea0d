//! Writes LibTorch's folder into the binaries as an rpath, so that they start with no environment variable set.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        println!("cargo:rustc-env=VESALIUS_LIBTORCH_LIB={lib}");
    }
}
