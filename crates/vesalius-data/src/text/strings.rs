//! All texts of a file of ours at once, whatever the field: none has characters that are not seen.

use super::hidden::is_hidden;
use super::refused::Refused;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor,
};
use serde_json::Value;
use std::fmt;

/// Bytes of a text at most, but for command lines and paths.
const LONGEST: usize = 1 << 20;

/// Reads a JSON file of ours: first its texts, then its fields.
///
/// # Errors
/// Not JSON; a text with hidden characters; a field that is missing or of another kind. In one line.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Texts { field: "" }.deserialize(&mut reader)?;
    reader.end()?;
    serde_json::from_slice(bytes)
}

/// Refuses a text of field `name` that has hidden characters, or names no end.
///
/// Command lines may have ends of lines: a training has one for each attempt, and a cluster's `setup` is shell. Paths
/// are somebody's own and may hold
/// anything: they are escaped wherever they are shown.
///
/// # Errors
/// The field, what was found and what was expected, in one line.
pub fn check(field: &str, text: &str) -> Result<(), Refused> {
    if field == "path" {
        return Ok(());
    }
    let lines = ["command", "setup"].contains(&field);
    if text.chars().any(|c| is_hidden(c) && !(lines && ['\n', '\t'].contains(&c))) {
        let why = format!(
            " in field {}: characters that are not seen, expected printable text",
            shown(field)
        );
        return Err(Refused::new(text, why));
    }
    if text.len() > LONGEST && !lines {
        let why =
            format!(" in field {}: {} bytes, expected at most {LONGEST}", shown(field), text.len());
        return Err(Refused::new(text, why));
    }
    Ok(())
}

fn shown(field: &str) -> String {
    Refused::new(field, "").to_string()
}

/// The same of a value and all that is in it.
///
/// # Errors
/// The first that is refused.
pub fn check_toml(field: &str, value: &toml::Value) -> Result<(), Refused> {
    match value {
        toml::Value::String(text) => check(field, text),
        toml::Value::Array(values) => values.iter().try_for_each(|value| check_toml(field, value)),
        toml::Value::Table(fields) => fields.iter().try_for_each(|(name, value)| {
            check("name", name)?;
            check_toml(name, value)
        }),
        _ => Ok(()),
    }
}

/// The value with hidden characters shown: what we write has to pass when it is read.
pub fn printable(value: &mut Value) {
    let field = String::new();
    printable_in(&field, value);
}

fn printable_in(field: &str, value: &mut Value) {
    match value {
        Value::String(text) if check(field, text).is_err() => {
            *text = super::escape::terminal(text).into_owned();
        }
        Value::Array(values) => values.iter_mut().for_each(|value| printable_in(field, value)),
        Value::Object(fields) => {
            fields.iter_mut().for_each(|(name, value)| printable_in(name, value));
        }
        _ => {}
    }
}

/// Everything in a field.
struct Texts<'a> {
    field: &'a str,
}

impl<'de> DeserializeSeed<'de> for Texts<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Texts<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        check(self.field, text).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        while values.next_element_seed(Texts { field: self.field })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<(), A::Error> {
        while let Some(name) = fields.next_key::<String>()? {
            check("name", &name).map_err(A::Error::custom)?;
            fields.next_value_seed(Texts { field: &name })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: &Value) -> Result<Value, String> {
        from_json(value.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn texts_of_every_field_are_looked_at_however_deep() {
        let good = json!({"a": [1, -1, 0.5, null, true, "Müller (2)"], "command": "one\ntwo", "path": "a\nb", "": {}});
        assert_eq!(read(&good).unwrap(), good);
        for bad in [
            json!("a\nb"),
            json!({"a": [{"b": [["\u{1b}[31m"]]}]}),
            json!({"a\u{7}": 1}),
            json!({"command": "a\u{1b}b"}),
            json!({"protocol": "x\n\\input{/etc/passwd}\n"}),
            json!({"paths": ["a\nb"]}),
            json!({"note": "\u{202e}"}),
            json!({"note": "x".repeat(LONGEST + 1)}),
        ] {
            let error = read(&bad).unwrap_err();
            assert!(error.contains("expected") && error.len() < 400, "{error}");
            assert!(!error.contains(is_hidden), "{error:?}");
        }
        assert!(from_json::<Value>(b"{} x").is_err());
        assert!(from_json::<Value>("[".repeat(100_000).as_bytes()).is_err(), "no stack overflows");
    }

    #[test]
    fn toml_is_looked_at_in_the_same_way() {
        for (text, good) in [
            ("a = 1\nb = [\"x\", \"y\"]\n[c]\nd = 'ü'", true),
            ("[[c]]\nd = [\"\\u0007\"]", false),
            ("\"a\\tb\" = 1", false),
            ("a = \"\"\"one\ntwo\"\"\"", false),
        ] {
            let value: toml::Value = toml::from_str(text).unwrap();
            assert_eq!(check_toml("", &value).is_ok(), good, "{text}");
        }
    }

    #[test]
    fn what_is_made_printable_passes() {
        let mut value = json!({"a": ["x\n\u{1b}", 1], "path": "a\nb", "command": "a\nb"});
        printable(&mut value);
        assert_eq!(value, json!({"a": ["x\\n\\u{1b}", 1], "path": "a\nb", "command": "a\nb"}));
        read(&value).unwrap();
    }
}
