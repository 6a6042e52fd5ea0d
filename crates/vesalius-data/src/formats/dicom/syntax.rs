//! Transfer syntaxes: which can be read.

use anyhow::{Result, bail};

/// How pixels are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// As they are.
    Native,
    /// Run lengths.
    Rle,
    /// JPEG, baseline or lossless.
    Jpeg,
    /// JPEG 2000.
    Jpeg2000,
}

impl Syntax {
    /// Of a transfer syntax.
    ///
    /// # Errors
    /// Names one that cannot be read.
    pub(crate) fn of(uid: &str) -> Result<Self> {
        let rest = uid.strip_prefix("1.2.840.10008.1.2").unwrap_or("unknown");
        Ok(match rest {
            "" | ".1" | ".1.99" | ".2" => Self::Native,
            ".5" => Self::Rle,
            ".4.50" | ".4.51" | ".4.57" | ".4.70" => Self::Jpeg,
            ".4.90" | ".4.91" => Self::Jpeg2000,
            other => {
                let name = match other {
                    ".4.80" | ".4.81" => " (JPEG-LS)",
                    ".4.201" | ".4.202" | ".4.203" => " (high-throughput JPEG 2000)",
                    ".4.110" | ".4.111" | ".4.112" => " (JPEG XL)",
                    _ => "",
                };
                bail!(
                    "transfer syntax {uid}{name}, expected uncompressed, RLE, JPEG or JPEG 2000: convert the files, as with gdcmconv --raw"
                )
            }
        })
    }
}
