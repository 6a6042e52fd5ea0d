/// Tells the linker where LibTorch is, for the binaries of the crate whose build script includes this: its folder
/// becomes
/// an rpath, so that they start with no environment variable set, and its CUDA half, where there is one, is linked
/// although
/// no symbol of it is named. Gives the folder.
fn link() -> Option<String> {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../link.rs");
    let lib = std::env::var("DEP_TCH_LIBTORCH_LIB").ok()?;
    println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    // It registers its kernels when it is loaded; the linker drops a library that nothing asks for, and LibTorch would
    // then see no GPU.
    if std::path::Path::new(&lib).join("libtorch_cuda.so").exists() {
        println!("cargo:rustc-link-arg=-Wl,--no-as-needed,{lib}/libtorch_cuda.so,--as-needed");
    }
    Some(lib)
}
