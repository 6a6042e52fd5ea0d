//! The trainings: how they went, what their settings do, what they cost.

pub mod cost;
pub mod curves;
pub mod search;
pub mod segmenters;
pub mod settings;
pub mod spread;
