//! Unguessable tokens: who has one may read. Only digests of them are kept.

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConditionallySelectable as _, ConstantTimeEq as _};
use vesalius_data::files::digest;

/// 256 random bits of the operating system's generator as 64 hexadecimal characters.
pub fn new() -> String {
    digest::hex(&rand::random::<[u8; 32]>())
}

/// 128 random bits as 32 hexadecimal characters: a name that says nothing.
pub fn opaque_name() -> String {
    digest::hex(&rand::random::<[u8; 16]>())
}

/// SHA-256 of a token.
#[derive(Debug, Clone, Copy)]
pub struct TokenDigest(pub [u8; 32]);

impl TokenDigest {
    /// Of a token.
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Whether both are of one token. Takes the same time wherever they differ.
    pub fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

/// The place of the digest that matches `token`. Compares with every one, so that the time tells nothing.
pub fn find(token: &str, digests: &[TokenDigest]) -> Option<usize> {
    let asked = TokenDigest::of(token);
    let (mut found, mut place) = (Choice::from(0), 0_u32);
    for (i, digest) in digests.iter().enumerate() {
        let same = digest.0.ct_eq(&asked.0);
        place.conditional_assign(&(i as u32), same);
        found |= same;
    }
    bool::from(found).then_some(place as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_and_no_other() {
        let tokens: Vec<String> = (0..5).map(|_| new()).collect();
        let digests: Vec<TokenDigest> = tokens.iter().map(|token| TokenDigest::of(token)).collect();
        for (i, token) in tokens.iter().enumerate() {
            assert_eq!(token.len(), 64);
            assert_eq!(find(token, &digests), Some(i));
            assert_eq!(find(&token[..63], &digests), None);
        }
        assert_eq!(find("", &digests), None);
        assert_eq!(find(&tokens[0], &[]), None);
    }
}
