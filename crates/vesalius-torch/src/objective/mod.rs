//! What a training minimises: adversarial losses, and the terms added to them.

pub mod loss;
pub mod regularise;
