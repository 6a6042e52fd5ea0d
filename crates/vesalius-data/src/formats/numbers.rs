//! Numbers of a NumPy array as f32, whatever their type.

use anyhow::{Result, bail};
use npyz::NpyFile;
use std::io::Read;

/// One number after the other.
pub type Numbers<'a> = Box<dyn Iterator<Item = std::io::Result<f32>> + 'a>;

/// Of an array, in the order in which they are stored.
///
/// # Errors
/// When they are neither integers, floats nor true and false.
pub fn of<'a, R: Read + 'a>(array: NpyFile<R>) -> Result<Numbers<'a>> {
    macro_rules! as_f32 {
        ($array:ident, $($kind:ty),*) => {
            $(
                let $array = match $array.try_data::<$kind>() {
                    Ok(values) => {
                        return Ok(Box::new(values.map(|value| value.map(|value| value as f32))));
                    }
                    Err(other) => other,
                };
            )*
        };
    }
    as_f32!(array, u8, u16, i16, f32, f64, i32, i64, u32, u64, i8);
    let array = match array.try_data::<bool>() {
        Ok(values) => {
            return Ok(Box::new(values.map(|value| value.map(|value| f32::from(u8::from(value))))));
        }
        Err(other) => other,
    };
    bail!("numbers of type {}, expected integers or floats", array.dtype().descr())
}
