//! Do masks look like anatomy? Rules are learned from the masks of real training patients, and other masks are checked
//! against them. What a class is called, and what the organ is, plays no part: the rules know numbers only.
//!
//! `shape` measures regions, `anatomy` a whole mask; `quantity` names what is compared, `rules` holds ranges, `learn`
//! chooses their margin, `check` finds what a mask breaks; `shares` sums up, `sheet` shows, `filter` sorts out.

pub mod anatomy;
pub mod check;
pub mod filter;
#[cfg(test)]
mod golden;
pub mod learn;
pub mod quantity;
pub mod rules;
pub mod shape;
pub mod shares;
pub mod sheet;
