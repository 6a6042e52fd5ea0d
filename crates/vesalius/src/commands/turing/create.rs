//! `vesalius turing create`.

use crate::commands::fold::Fold;
use crate::commands::overlap::Overlap;
use crate::environment::command_line;
use anyhow::Result;
use std::path::PathBuf;
use std::process::ExitCode;
use vesalius_data::checks::overlap::made_and_side;
use vesalius_data::output;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_data::say;
use vesalius_stages::overlap::settle;
use vesalius_web::turing::create::{Wish, check, create};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each reader gets half real, half synthetic images in an order of their own, all drawn from --seed; real ones are slices of
test patients, because the GAN has seen the others. --common of them are seen by every reader, so that their agreement can be
measured; the rest is each reader's own draw. Images of both kinds are stored alike: 8 bits, one size, one encoder, as many
bytes each, random names.

Prints a line per reader: name, tab, link. The same lines are in DIR/links.txt, readable by you alone: a link is all that a
reader needs, and the token in it is stored nowhere else (the server knows its SHA-256). --address is how readers reach the
server.

Examples:
  vesalius turing create --real packs/acdc --synthetic packs/wgan-gp --per-reader 100 --readers 4 --out turing
  vesalius turing create --real packs/acdc --synthetic packs/spade --reader Ada --reader Ben --overlay --out turing-masks \\
    --address https://turing.example.org")]
pub struct Args {
    /// Real pack.
    #[arg(long, value_name = "PACK")]
    real: PathBuf,
    /// Synthetic pack.
    #[arg(long, value_name = "PACK")]
    synthetic: PathBuf,
    /// Images of each reader; even.
    #[arg(long, default_value_t = 100, value_name = "N")]
    per_reader: usize,
    /// How many of them every reader sees; even [default: half].
    #[arg(long, value_name = "N")]
    common: Option<usize>,
    /// Number of readers, who are called reader 1, reader 2, ….
    #[arg(long, value_name = "N", conflicts_with = "reader", default_value_t = 4)]
    readers: usize,
    /// Name of a reader, in reports; once for each.
    #[arg(long, value_name = "NAME")]
    reader: Vec<String>,
    /// Seed of the draw.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Let readers lay the outlines of the masks over the images.
    #[arg(long)]
    overlay: bool,
    /// What readers see on top.
    #[arg(long, default_value = "Real or synthetic?", value_name = "TEXT")]
    title: String,
    /// Images between two pauses.
    #[arg(long, default_value_t = 25, value_name = "N")]
    pause_every: usize,
    /// What links begin with.
    #[arg(long, default_value = "http://127.0.0.1:8765", value_name = "URL")]
    address: String,
    #[command(flatten)]
    overlap: Overlap,
    /// Folder to write; must not exist yet.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    fold: Fold,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let readers = if args.reader.is_empty() {
        (1..=args.readers).map(|i| format!("reader {i}")).collect()
    } else {
        args.reader.clone()
    };
    let (real, synthetic) =
        (Pack::open_any(&args.fold.of(&args.real)?)?, Pack::open_any(&args.synthetic)?);
    let mut wish = Wish {
        readers,
        per_reader: args.per_reader,
        common: args.common.unwrap_or(args.per_reader / 4 * 2),
        seed: args.seed,
        overlay: args.overlay,
        title: args.title.clone(),
        pause_every: args.pause_every,
        address: args.address.clone(),
        command: command_line(),
        remark: String::new(),
        overlap: vec![],
    };
    check(&real, &synthetic, &wish)?;
    let settled =
        settle(&made_and_side(&real, &synthetic, Split::Test), args.overlap.allow_overlap)?;
    (wish.remark, wish.overlap) = (settled.remark, settled.overlap);
    let count = wish.readers.len();
    let links = create(&real, &synthetic, &wish, &args.out)?;
    output::bytes(links.as_bytes());
    say!("{}: {count} readers, {} images each", args.out.display(), args.per_reader);
    Ok(ExitCode::SUCCESS)
}
