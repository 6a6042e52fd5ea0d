//! What is served, and what the server remembers of its visitors.

use crate::connections::host::Hosts;
use crate::connections::rate::Rates;
use crate::turing::store::Turing;
use crate::turing::token::TokenDigest;
use crate::watch::Watch;

/// What a server shows, and to whom.
#[derive(Debug)]
pub struct Site {
    /// A test to read.
    pub turing: Option<Turing>,
    /// A study to look at.
    pub study: Option<Watch>,
    /// Who has the token may look at the study and at how far readers are.
    pub owner: TokenDigest,
    /// Names that it answers to.
    pub hosts: Hosts,
    /// A proxy in front speaks HTTPS: cookies travel on nothing else.
    pub https: bool,
}

/// The site with what only the server knows of it.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) site: Site,
    pub(crate) rates: Rates,
}
