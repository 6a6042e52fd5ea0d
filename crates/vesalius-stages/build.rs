//! Links LibTorch to the tests.

include!("../link.rs");

fn main() {
    let _ = link();
}
