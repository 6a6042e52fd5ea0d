//! Links LibTorch.

include!("../link.rs");

fn main() {
    let _ = link();
}
