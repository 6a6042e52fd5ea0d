//! The sides of a comparison: packs, folders of images, feature files.

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use vesalius_data::files::digest;
use vesalius_data::pack::manifest::Split;
use vesalius_data::pack::{Pack, PackError, view};
use vesalius_data::run::Input;
use vesalius_torch::Tensor;
use vesalius_torch::features::file;
use vesalius_torch::features::images::{FolderImages, ImageSet, PackImages};

/// Which real slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RealSplit {
    /// Training patients.
    #[default]
    Train,
    /// Test patients.
    Test,
}

impl From<RealSplit> for Split {
    fn from(split: RealSplit) -> Self {
        match split {
            RealSplit::Train => Self::Train,
            RealSplit::Test => Self::Test,
        }
    }
}

/// One side of a comparison.
#[derive(Debug)]
pub enum Side {
    /// Features that somebody computed.
    Features {
        /// The file.
        path: PathBuf,
        /// `[N, D]`.
        matrix: Tensor,
    },
    /// A pack.
    Pack(Box<Pack>),
    /// A folder of image files.
    Folder {
        /// The folder.
        path: PathBuf,
        /// Its images.
        images: FolderImages,
    },
}

impl Side {
    /// Opens whatever lies at `path`.
    ///
    /// # Errors
    /// When it is none of the three, or damaged, or a pack of volumes, whose planes are meant.
    pub fn open(path: &Path) -> Result<Self> {
        Self::opened(path, Pack::open)
    }

    /// The same, a pack of volumes as volumes.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_any(path: &Path) -> Result<Self> {
        Self::opened(path, Pack::open_any)
    }

    fn opened(path: &Path, pack: fn(&Path) -> Result<Pack, PackError>) -> Result<Self> {
        if file::is_feature_file(path) {
            return Ok(Self::Features { path: path.to_owned(), matrix: file::read(path)? });
        }
        if !path.exists() && view::of(path).is_none() {
            bail!(
                "{}: nothing there, expected a pack, a folder of images, .npy or .safetensors",
                path.display()
            );
        }
        if path.join("manifest.json").exists() || !path.is_dir() {
            let pack = pack(path)?;
            pack.in_a_fold()?;
            return Ok(Self::Pack(Box::new(pack)));
        }
        Ok(Self::Folder { path: path.to_owned(), images: FolderImages::open(path)? })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        match self {
            Self::Features { path, .. } | Self::Folder { path, .. } => path,
            Self::Pack(pack) => pack.path(),
        }
    }

    /// Its images; of a pack those of `split`, or all. None of a feature file.
    pub fn images(&self, split: Option<Split>) -> Option<Box<dyn ImageSet + '_>> {
        match self {
            Self::Features { .. } => None,
            Self::Folder { images, .. } => Some(Box::new(images.clone())),
            Self::Pack(pack) => {
                let indices = match split {
                    Some(split) => pack.indices(split),
                    None => (0..pack.len()).collect(),
                };
                Some(Box::new(PackImages { pack, indices }))
            }
        }
    }

    /// The pack.
    ///
    /// # Errors
    /// When it is none; `role` is that of the line.
    pub fn pack(&self, role: &str) -> Result<&Pack> {
        match self {
            Self::Pack(pack) => Ok(pack),
            other => bail!("--{role} {}: expected a pack", other.path().display()),
        }
    }

    /// As the input of a run.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn input(&self, role: &str) -> Result<Input> {
        let of = |sha256: String| Input {
            role: role.to_owned(),
            path: self.path().to_owned(),
            sha256,
            command: String::new(),
            pack: None,
        };
        Ok(match self {
            Self::Pack(pack) => Input::pack(role, pack),
            Self::Features { path, .. } => of(digest::of_file(path)
                .with_context(|| format!("{}: cannot be read", path.display()))?),
            Self::Folder { images, .. } => of(images.digest()?),
        })
    }
}

/// A run says what it is about by its packs' manifests.
///
/// # Errors
/// When a side is no pack.
pub fn only_packs(sides: [&Side; 2]) -> Result<()> {
    for side in sides {
        if !matches!(side, Side::Pack(_)) {
            bail!(
                "--out: {} is no pack, expected packs, whose manifests say what was compared",
                side.path().display()
            );
        }
    }
    Ok(())
}
