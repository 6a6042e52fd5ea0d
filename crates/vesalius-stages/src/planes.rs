//! Predictions on volumes, looked at as those on their planes: whoever judges, shows or writes knows slices.

use anyhow::Result;
use vesalius_data::pack::Pack;

/// Slices of a pack with what was predicted of them.
pub(crate) struct Planes<'a> {
    /// A view of the planes, where the pack is of volumes.
    view: Option<Pack>,
    pack: &'a Pack,
    /// Slices.
    pub(crate) indices: Vec<usize>,
    /// Labels `[H, W]` of each.
    pub(crate) predicted: Vec<Vec<u8>>,
}

impl<'a> Planes<'a> {
    /// Of what was predicted for `indices` of a pack, labels `[(D,) H, W]` each.
    ///
    /// # Errors
    /// When the pack is gone.
    pub(crate) fn of(pack: &'a Pack, indices: Vec<usize>, predicted: Vec<Vec<u8>>) -> Result<Self> {
        let shape = pack.slice_shape();
        if !shape.is_volume() {
            return Ok(Self { view: None, pack, indices, predicted });
        }
        let view = Pack::open_planes(pack.path())?;
        let planes = shape.planes;
        let pixels = shape.height * shape.width;
        let each = |volume: &usize| volume * planes..(volume + 1) * planes;
        Ok(Self {
            view: Some(view),
            pack,
            indices: indices.iter().flat_map(each).collect(),
            predicted: predicted
                .iter()
                .flat_map(|labels| labels.chunks_exact(pixels).map(<[u8]>::to_vec))
                .collect(),
        })
    }

    /// The pack whose slices they are.
    pub(crate) fn pack(&self) -> &Pack {
        self.view.as_ref().unwrap_or(self.pack)
    }
}
