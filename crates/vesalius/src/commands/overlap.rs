//! `--allow-overlap`.

#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Overlap {
    /// Go on although patients stand on both sides, or a generator was trained on another pack; every protocol says so.
    #[arg(long)]
    pub allow_overlap: bool,
}
