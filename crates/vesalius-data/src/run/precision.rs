//! In what arithmetic networks computed: the setting `precision` of a training, a segmentation, a sample.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The setting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Precision {
    /// f32 throughout: what is not said is f32, as all older runs and tasks are.
    #[default]
    F32,
    /// bf16 with f32 masters.
    Bf16,
    /// bf16 where the device has it and a short trial says that it is faster, else f32. In what is recorded one of the
    /// two stands in its place.
    Auto,
}

impl Precision {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::F32, Self::Bf16, Self::Auto];

    /// Whether it is what a file means that does not say.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Its name in files and on command lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
            Self::Auto => "auto",
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|precision| precision.name() == text);
        found.ok_or_else(|| format!("found {text:?}, expected f32, bf16 or auto"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_on_a_command_line_is_the_name_in_a_file() {
        for precision in Precision::ALL {
            assert_eq!(precision.name().parse(), Ok(precision));
            assert_eq!(serde_json::to_value(precision).unwrap(), precision.name());
        }
        assert_eq!(
            "f16".parse::<Precision>(),
            Err("found \"f16\", expected f32, bf16 or auto".to_owned())
        );
    }
}
