/// Where LibTorch lies, for the build script that includes this; and when that script has to run again.
fn libtorch() -> Option<String> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../link.rs");
    std::env::var("DEP_TCH_LIBTORCH_LIB").ok()
}

/// Tells the linker so: LibTorch's folder becomes an rpath, so that what is linked starts with no environment variable
/// set, and its CUDA half, where there is one, is linked although no symbol of it is named. `what` is the instruction
/// to Cargo: of all that this crate links, or of its tests.
fn link(lib: &str, what: &str) {
    println!("cargo:{what}=-Wl,-rpath,{lib}");
    // It registers its kernels when it is loaded; the linker drops a library that nothing asks for, and LibTorch would
    // then see no GPU.
    if std::path::Path::new(lib).join("libtorch_cuda.so").exists() {
        println!("cargo:{what}=-Wl,--no-as-needed,{lib}/libtorch_cuda.so,--as-needed");
    }
}
