//! Where a connection comes from and where it came to.

use std::net::IpAddr;

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub struct Ends {
    /// Where it comes from.
    pub peer: IpAddr,
    /// Where it came to: one of this machine's addresses.
    pub here: IpAddr,
}
