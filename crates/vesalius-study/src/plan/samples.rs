//! Which pairs a study has of its GANs, as far as that can be told.

use crate::task::Key;
use std::collections::HashMap;

/// The pairs sampled from the best run of a group.
pub(super) enum Sampled {
    /// By this task.
    By(Key),
    /// By one that can be named once more is known.
    Later,
    /// Never: every training diverged or was given up, or the study samples nothing.
    Never,
}

/// Of each dataset and GAN so far.
pub(super) type Samples = HashMap<(String, String), Sampled>;
