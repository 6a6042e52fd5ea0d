//! How files say which network looks: by its name alone, or in a table.

use super::spec::{DialectName, JudgeSpec, Network, Normalise, Weights};
use clap::ValueEnum as _;
use serde::de::{MapAccess, Visitor, value::MapAccessDeserializer, value::StrDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// The long form of a [`JudgeSpec`] in files.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Long {
    network: Network,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    weights: Option<Weights>,
    #[serde(default)]
    dialect: DialectName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    input_size: Option<[i64; 2]>,
    #[serde(default)]
    normalise: Normalise,
}

impl Serialize for JudgeSpec {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { network, weights, dialect, input_size, normalise } = self.clone();
        if self == &Self::of(network) {
            return network.serialize(serializer);
        }
        Long { network, weights, dialect, input_size, normalise }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for JudgeSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NameOrTable)
    }
}

/// By hand, so that an error names the field that is wrong and not just that no form fits.
struct NameOrTable;

impl<'de> Visitor<'de> for NameOrTable {
    type Value = JudgeSpec;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let known = Network::value_variants().iter().filter_map(Network::to_possible_value);
        let names: Vec<String> = known.map(|value| value.get_name().to_owned()).collect();
        write!(f, "the name of a network ({}) or a table with `network`", names.join(", "))
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<JudgeSpec, E> {
        Network::deserialize(StrDeserializer::new(name)).map(JudgeSpec::of)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<JudgeSpec, A::Error> {
        let Long { network, weights, dialect, input_size, normalise } =
            Long::deserialize(MapAccessDeserializer::new(map))?;
        Ok(JudgeSpec { network, weights, dialect, input_size, normalise })
    }
}
