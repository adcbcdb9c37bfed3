//! Writes the messages and the client of `vmplumb.v1` from compiled descriptors; runs no protoc.
//!
//! `xtask DESCRIPTORS OUT_DIR SECRET...`: SECRET names a message that may carry secrets. Such a one prints as its
//! name alone, since prost knows nothing of `debug_redact`.

use std::{env, error::Error, fmt::Write, fs, path::Path};

use prost::Message;
use prost_types::FileDescriptorSet;

const HEAD: &str = "#![allow(missing_docs, clippy::all, rustdoc::all)]\n#![cfg_attr(rustfmt, rustfmt_skip)]\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = env::args().skip(1);
    let (Some(descriptors), Some(out_dir)) = (words.next(), words.next()) else {
        return Err("usage: xtask DESCRIPTORS OUT_DIR SECRET...".into());
    };
    let secrets: Vec<String> = words.collect();
    let paths: Vec<String> = secrets.iter().map(|name| format!(".{name}")).collect();
    tonic_prost_build::configure()
        .build_server(false)
        .out_dir(&out_dir)
        .skip_debug(&paths)
        .compile_fds(FileDescriptorSet::decode(fs::read(descriptors)?.as_slice())?)?;
    let made = Path::new(&out_dir).join("vmplumb.v1.rs");
    let mut text = fs::read_to_string(&made)?;
    for name in &secrets {
        let message = prost_name(name.rsplit('.').next().unwrap_or(name));
        if !text.contains(&format!("pub struct {message} {{")) {
            return Err(format!("no struct {message} for {name}").into());
        }
        write!(
            text,
            "impl ::core::fmt::Debug for {message} {{\n    fn fmt(&self, f: &mut ::core::fmt::Formatter<'_>) -> \
             ::core::fmt::Result {{\n        f.debug_struct(\"{message}\").finish_non_exhaustive()\n    }}\n}}\n"
        )?;
    }
    fs::write(made, format!("{HEAD}{text}"))?;
    Ok(())
}

/// Rust's name for a message: prost writes an acronym as a word ("CNIArg" is `CniArg`).
fn prost_name(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let upper = |at: usize| letters.get(at).is_some_and(|one| one.is_ascii_uppercase());
    let lower = |at: usize| letters.get(at).is_some_and(|one| one.is_ascii_lowercase());
    let inside = |at: usize| at > 0 && upper(at) && upper(at - 1) && !lower(at + 1);
    let word = |at: usize| if inside(at) { letters[at].to_ascii_lowercase() } else { letters[at] };
    (0..letters.len()).map(word).collect()
}
