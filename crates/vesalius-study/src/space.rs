//! The search space: parameters as paths into a training's settings, with choices or a range, and conditions.

use rand::RngExt as _;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Spanned, Value};

/// One `[[search.parameter]]`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameter {
    /// Settings that all get the value.
    pub paths: Spanned<Vec<String>>,
    /// Values to choose from.
    #[serde(default)]
    pub choices: Option<Spanned<Vec<Value>>>,
    /// Least and greatest value; integers if both are.
    #[serde(default)]
    pub range: Option<Spanned<[Value; 2]>>,
    /// How a range is walked.
    #[serde(default)]
    pub scale: Scale,
    /// Points of a range in a grid.
    #[serde(default)]
    pub points: Option<usize>,
    /// Where it exists: `preset`, or the first path of an earlier parameter, with the values that allow it.
    #[serde(default)]
    pub when: Option<Spanned<BTreeMap<String, Vec<Value>>>>,
}

/// Steps along a range.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// Equal differences.
    #[default]
    Linear,
    /// Equal ratios.
    Log,
}

/// Name of the condition on the GAN.
pub const PRESET: &str = "preset";

/// A place in the space: for each parameter the index of its choice or its number; `None` where it does not exist.
pub type Point = Vec<Option<f64>>;

impl Parameter {
    /// What conditions and reports call it.
    pub fn name(&self) -> &str {
        self.paths.get_ref().first().map_or("", String::as_str)
    }

    /// Number of choices; `None` for a range.
    pub fn cardinality(&self) -> Option<usize> {
        self.choices.as_ref().map(|choices| choices.get_ref().len())
    }

    /// Ends of the range, and whether its values are integers.
    pub fn ends(&self) -> Option<([f64; 2], bool)> {
        let [low, high] = self.range.as_ref()?.get_ref();
        let number = |value: &Value| match value {
            Value::Integer(n) => Some(*n as f64),
            Value::Float(x) => Some(*x),
            _ => None,
        };
        let whole = low.is_integer() && high.is_integer();
        Some(([number(low)?, number(high)?], whole))
    }

    /// The value at a coordinate, as it stands in a setting.
    pub fn value(&self, at: f64) -> Value {
        if let Some(choices) = &self.choices {
            return choices.get_ref()[(at as usize).min(choices.get_ref().len() - 1)].clone();
        }
        match self.ends() {
            Some((_, true)) => Value::Integer(at.round() as i64),
            _ => Value::Float(at),
        }
    }

    /// The number at `share` (0 to 1) of the range.
    pub fn along(&self, share: f64) -> f64 {
        let ([low, high], whole) = self.ends().unwrap_or_default();
        let at = match self.scale {
            Scale::Linear => low + share * (high - low),
            Scale::Log => (low.ln() + share * (high.ln() - low.ln())).exp(),
        };
        let at = if whole { at.round() } else { at };
        at.clamp(low, high)
    }

    fn draw(&self, rng: &mut ChaCha8Rng) -> f64 {
        match self.cardinality() {
            Some(count) => rng.random_range(0..count) as f64,
            None => self.along(rng.random_range(0.0..=1.0)),
        }
    }
}

/// The space of one GAN.
#[derive(Debug, Clone, Copy)]
pub struct Space<'a> {
    /// All parameters of the study.
    pub parameters: &'a [Parameter],
    /// The GAN.
    pub preset: &'a str,
}

impl Space<'_> {
    /// Whether parameter `i` exists, given the earlier coordinates.
    pub fn exists(&self, i: usize, earlier: &[Option<f64>]) -> bool {
        let Some(when) = &self.parameters[i].when else { return true };
        when.get_ref().iter().all(|(name, allowed)| {
            if name == PRESET {
                return allowed.iter().any(|value| value.as_str() == Some(self.preset));
            }
            self.parents(i, name).any(|parent| {
                let at = earlier.get(parent).copied().flatten();
                at.is_some_and(|at| allowed.contains(&self.parameters[parent].value(at)))
            })
        })
    }

    /// Earlier parameters of that name: several, where different GANs have different choices.
    fn parents(&self, i: usize, name: &str) -> impl Iterator<Item = usize> {
        (0..i).filter(move |&earlier| self.parameters[earlier].name() == name)
    }

    /// A point whose coordinates `at` gives, where they exist.
    pub fn point(&self, mut at: impl FnMut(usize, &Parameter) -> f64) -> Point {
        let mut point = Point::with_capacity(self.parameters.len());
        for (i, parameter) in self.parameters.iter().enumerate() {
            let exists = self.exists(i, &point);
            point.push(exists.then(|| at(i, parameter)));
        }
        point
    }

    /// A random point.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Point {
        self.point(|_, parameter| parameter.draw(rng))
    }

    /// `path=value` for every setting that a point decides.
    pub fn settings(&self, point: &Point) -> Vec<String> {
        let pairs = self.parameters.iter().zip(point).filter_map(|(p, at)| Some((p, (*at)?)));
        pairs
            .flat_map(|(parameter, at)| {
                let value = parameter.value(at);
                parameter.paths.get_ref().iter().map(move |path| format!("{path}={value}"))
            })
            .collect()
    }

    /// The first point at which parameter `i` has the coordinate `at`: earlier choices are tried until it exists.
    /// Only what is needed is decided; the rest stays with the preset.
    pub fn with(&self, i: usize, at: f64) -> Option<Point> {
        let mut point: Point = vec![None; self.parameters.len()];
        self.allow(i, &mut point)?;
        point[i] = Some(at);
        Some(point)
    }

    fn allow(&self, i: usize, point: &mut Point) -> Option<()> {
        let when = self.parameters[i].when.as_ref();
        for (name, allowed) in when.iter().flat_map(|when| when.get_ref()) {
            if name == PRESET {
                allowed.iter().find(|value| value.as_str() == Some(self.preset))?;
                continue;
            }
            self.parents(i, name).find_map(|parent| {
                self.allow(parent, point)?;
                let choices = self.parameters[parent].choices.as_ref()?.get_ref();
                let index = choices.iter().position(|choice| allowed.contains(choice))?;
                point[parent] = Some(index as f64);
                Some(())
            })?;
        }
        Some(())
    }
}
