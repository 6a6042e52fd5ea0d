//! What functions of ours in C++ share (`build.rs`).

use std::ffi::{CStr, c_char};

/// The line that C++ wrote into `room`, with a zero at its end.
pub(crate) fn said(room: &[c_char]) -> String {
    let bytes: Vec<u8> = room.iter().map(|&byte| byte as u8).collect();
    CStr::from_bytes_until_nul(&bytes).unwrap_or_default().to_string_lossy().into_owned()
}
