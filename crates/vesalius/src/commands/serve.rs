//! `vesalius serve`: the visual Turing test and a study, in a browser.

use crate::commands::study;
use crate::environment::Stop;
use anyhow::{Context as _, Result, anyhow, bail};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use vesalius_data::files::publish;
use vesalius_data::output;
use vesalius_data::say;
use vesalius_data::show;
use vesalius_web::connections::host::Hosts;
use vesalius_web::turing::store::Turing;
use vesalius_web::turing::token::{self, TokenDigest};
use vesalius_web::{Site, serve};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
One program, nothing to install beside it, and pages that load nothing from elsewhere. Readers open the links that
`vesalius turing create` gave them; the owner opens the link that is printed at the start, for the study (overview, tasks,
curves, samples over the training, comparison of two, live) and for how far readers are. Nothing is shown without a link.

An answer is on the disk before its reader sees \"saved\": whatever is killed, the same links go on. The study is read, never
written: serve it beside a running `vesalius study run`.

It listens on this machine alone. For others: a proxy that speaks HTTPS in front (nginx, Caddy) and --https, or an SSH tunnel
(ssh -L 8765:127.0.0.1:8765 HOST). --listen 0.0.0.0:8765 shows links and answers to whoever can read the network's traffic.

It answers to localhost, to the IP address that a browser used, and to the name in `vesalius turing create --address`; other
names are refused with 421, because a page elsewhere could make its own name lead here. --host NAME adds one.

Without --owner-token-file the owner's link changes at each start; readers' links never do.

Examples:
  vesalius serve --turing turing
  vesalius serve --turing turing --study studies/paper.toml --owner-token-file owner-token
  vesalius serve --turing turing --https --host turing.example.org
  vesalius serve --study studies/smoke.toml --listen 127.0.0.1:9000")]
pub struct Args {
    /// Folder that `vesalius turing create` made.
    #[arg(long, value_name = "DIR", required_unless_present = "study")]
    turing: Option<PathBuf>,
    /// Study file.
    #[arg(long, value_name = "STUDY.toml")]
    study: Option<PathBuf>,
    /// Address and port; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:8765", value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// Name (or IP address) that browsers reach it by, when a proxy is in front; once for each.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// A proxy in front speaks HTTPS: browsers send cookies over nothing else then.
    #[arg(long)]
    https: bool,
    /// File with the owner's token (64 hexadecimal digits); made, readable by you alone, where there is none.
    #[arg(long, value_name = "FILE")]
    owner_token_file: Option<PathBuf>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let mut hosts = Hosts::new(args.host.iter().map(String::as_str)).map_err(|name| {
        anyhow!("--host {name:?}: expected a name or an IP address, without scheme and port")
    })?;
    let turing = args.turing.as_deref().map(Turing::open).transpose()?;
    let study = args.study.as_deref().map(study::watch).transpose()?;
    let owner = match &args.owner_token_file {
        Some(path) => owner_token(path)?,
        None => token::new(),
    };
    let stop = Stop::listen()?;
    let listener = TcpListener::bind(args.listen).with_context(|| {
        format!(
            "--listen {}: cannot be listened on; expected a free port of this machine",
            args.listen
        )
    })?;
    let address = listener.local_addr().context("--listen")?;
    if !address.ip().is_loopback() && !args.https {
        say!("note: {address} is open to other machines, and nothing is encrypted: see --help");
    }
    if let Some(turing) = &turing {
        for note in turing.notes() {
            say!("note: {note}");
        }
        if let Some(link) = &turing.about().address {
            hosts = hosts.and_of_link(link);
        }
        let readers = turing.readers()?;
        let over = readers.iter().filter(|reader| reader.submitted).count();
        say!("{}: {} readers, {over} submitted", turing.about().title, readers.len());
    }
    say!("listening on {address}");
    show!("http://{address}/owner/{owner}");
    // Without it nobody gets in.
    output::check()?;
    let site = Site { turing, study, owner: TokenDigest::of(&owner), hosts, https: args.https };
    serve(site, listener, &|| stop.asked())?;
    say!("stopped; every answer that was given is saved");
    Ok(ExitCode::SUCCESS)
}

fn owner_token(path: &Path) -> Result<String> {
    if !path.exists() {
        let token = token::new();
        publish::write_secret(path, format!("{token}\n").as_bytes())?;
        return Ok(token);
    }
    let text = vesalius_data::files::read::text(path)
        .with_context(|| format!("{}: cannot be read", path.display()))?;
    let token = text.trim();
    if token.len() != 64 || !token.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        bail!("{}: {} characters, expected 64 hexadecimal digits", path.display(), token.len());
    }
    Ok(token.to_owned())
}
