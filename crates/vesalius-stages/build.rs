//! Links LibTorch to the tests.

include!("../link.rs");

fn main() {
    if let Some(lib) = libtorch() {
        link(&lib, "rustc-link-arg");
    }
}
