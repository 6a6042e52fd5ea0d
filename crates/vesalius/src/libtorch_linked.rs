//! LibTorch where the program is linked with it as usual (see `libtorch.rs`): it is there, or nothing would have
//! started.

/// Says that it is there.
///
/// # Errors
/// Never.
#[expect(clippy::unnecessary_wraps, reason = "the face of `libtorch.rs`")]
pub fn available() -> Result<(), String> {
    Ok(())
}

/// Which one is taken, for people: the linker knows.
pub fn place() -> Option<String> {
    None
}
