#![allow(clippy::result_large_err)]
#![doc = include_str!("../README.md")]

mod client;
mod error;
mod follow;
#[path = "gen/vmplumb.v1.rs"]
pub mod v1;

pub use client::{cni, Client, DEFAULT_TARGET};
pub use error::{Error, Reason, Violation};
pub use follow::{Events, Operation};
pub use tonic;
