//! Numbers by name that version 0.1 wrote as a pair: those of a GAN still are, so that its files stay as they were.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// As a pair, or by name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Written<T> {
    /// In the order of two names.
    Pair([T; 2]),
    /// Of any.
    Named(BTreeMap<String, T>),
}

impl<T: Clone> Written<T> {
    /// A pair where there are these two and no other.
    pub fn new(pair: [&str; 2], named: &BTreeMap<String, T>) -> Self {
        match pair.map(|name| named.get(name)) {
            [Some(first), Some(second)] if named.len() == 2 => {
                Self::Pair([first.clone(), second.clone()])
            }
            _ => Self::Named(named.clone()),
        }
    }

    /// By name.
    pub fn named(self, pair: [&str; 2]) -> BTreeMap<String, T> {
        match self {
            Self::Pair(values) => pair.map(str::to_owned).into_iter().zip(values).collect(),
            Self::Named(named) => named,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_of_the_names_are_a_pair_in_their_order_and_anything_else_has_names() {
        let pair = ["generator", "discriminator"];
        for (named, text) in [
            (vec![("discriminator", 2), ("generator", 1)], "[1,2]"),
            (vec![("denoiser", 3)], r#"{"denoiser":3}"#),
            (vec![("generator", 3)], r#"{"generator":3}"#),
            (
                vec![("discriminator", 2), ("encoder", 3), ("generator", 1)],
                r#"{"discriminator":2,"encoder":3,"generator":1}"#,
            ),
            (vec![], "{}"),
        ] {
            let named: BTreeMap<String, i64> =
                named.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            let written = serde_json::to_string(&Written::new(pair, &named)).unwrap();
            assert_eq!(written, text);
            let read: Written<i64> = serde_json::from_str(&written).unwrap();
            assert_eq!(read.named(pair), named);
        }
    }
}
