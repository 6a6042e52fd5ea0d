//! SHA-256 as lower-case hexadecimal text, the way every manifest and cache key stores it.

use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::Path;

/// The digest of `bytes`: 64 lower-case hexadecimal characters.
pub fn of_bytes(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// The digest of a file's content, read in pieces.
///
/// # Errors
/// Whatever opening or reading the file gives.
pub fn of_file(path: &Path) -> std::io::Result<String> {
    let mut file = crate::files::read::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0_u8; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex(&hasher.finalize())),
            n => hasher.update(&buffer[..n]),
        }
    }
}

/// Bytes as lower-case hexadecimal text.
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_empty_digest_is_the_published_one() {
        assert_eq!(
            super::of_bytes(b""),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }
}
